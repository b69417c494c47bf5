"""What the buttons do, without a browser."""

import asyncio
from types import SimpleNamespace

import pytest
from PIL import Image

from densepose_cache.config import DensePoseSettings
from densepose_cache.video import probe
from dwnet.animation.extraction import Extraction
from dwnet.animation.job import Studio
from dwnet.config import AnimateSettings
from dwnet.inference.panels import sheet_size
from dwnet.page.folder import page_folder
from dwnet.page.uploads import Limits
from dwnet.page.work import Worker

ANNA = SimpleNamespace(session_hash="anna")


@pytest.fixture
def sent(gradio, files, tmp_path, monkeypatch):
    """Actions of a page, and the payloads of a photo, a video and a long one that were sent there."""
    from dwnet.page.actions import Actions
    from dwnet.page.options import OPTIONS

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with page_folder() as folder, Worker() as worker:
        studio = Studio(str(files.model), Extraction(DensePoseSettings(), tmp_path / "weights"))
        actions = Actions(studio, folder, worker, Limits(), AnimateSettings(size=64))
        payloads = []
        for number, path in enumerate((files.photo, files.dance, files.long)):
            place = folder.files / str(number)
            place.mkdir()
            (place / path.name).write_bytes(path.read_bytes())
            payloads.append({"path": str(place / path.name)})
        (folder.files / "second").mkdir()
        second = folder.files / "second" / "other.png"
        Image.open(files.photo).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(second)
        options = ["64" if name == "size" else "cpu" if name == "device" else "" for name in OPTIONS]
        yield SimpleNamespace(actions=actions, folder=folder, payloads=payloads, second={"path": str(second)}, options=options)


def shown(steps) -> list[tuple]:
    """All that an action shows."""

    async def collect():
        return [step async for step in steps]

    return asyncio.run(collect())


def test_preview_then_animate(sent):
    photo, dance, _ = sent.payloads
    *_, last = shown(sent.actions.preview(ANNA, photo, dance, None, *sent.options))
    assert "This is what was found" in last[3] and last[4].count("<img") == 6
    steps = shown(sent.actions.animate(ANNA, photo, dance, None, *sent.options))
    assert [button["interactive"] for button in steps[0][:3]] == [False, False, True]
    assert [button["interactive"] for button in steps[-1][:3]] == [True, True, False] and "Done" in steps[-1][3]
    compared, clean = sorted(sent.actions.visits.of("anna").folder.iterdir())
    assert str(clean) in steps[-1][4] and str(compared) in steps[-1][4]
    assert (probe(clean).width, probe(clean).frames_estimate, probe(compared).frames_estimate) == (128, 8, 8), "the whole photo"
    assert 'class="sound"' not in steps[-1][4], "the video is silent"
    *_, last = shown(sent.actions.animate(ANNA, photo, dance, [sent.second], *sent.options))
    compared, clean = sorted(sent.actions.visits.of("anna").folder.iterdir())
    assert "Done" in last[3] and probe(compared).width == sheet_size(6, 64)[0], "both photos stand beside the result"
    sent.actions.leave(ANNA)
    assert not clean.parent.exists()


def test_a_second_click_begins_nothing_and_cancel_leaves_no_file(sent):
    photo, _, long = sent.payloads

    async def clicks():
        first = sent.actions.animate(ANNA, photo, long, None, *sent.options)
        while "frames/s" not in (await anext(first))[3]:
            pass
        assert [step async for step in sent.actions.animate(ANNA, photo, long, None, *sent.options)] == []
        sent.actions.cancel(ANNA)
        return [step async for step in first][-1]

    last = asyncio.run(clicks())
    assert "Stopped. Nothing was kept." in last[3] and last[0]["interactive"]
    assert list(sent.actions.visits.of("anna").folder.iterdir()) == []


def test_what_is_wrong_is_one_message_without_the_server_s_folders(sent, files):
    from gradio import skip

    from dwnet.page.options import OPTIONS, in_words

    assert in_words("a.jpg: nobody; choose another one, or give its IUV map with --source-iuv") == "a.jpg: nobody; choose another one"
    photo, dance, _ = sent.payloads
    notes = sent.folder.visitor() / "notes.jpg"
    notes.write_bytes(files.text.read_bytes())
    value, said = sent.actions.photo_sent({"path": str(notes)})
    assert value is None and "notes.jpg: " in said and "problem" in said and str(sent.folder.root) not in said
    for given in ((None, dance), (photo, None)):
        (*_, last) = shown(sent.actions.animate(ANNA, *given, None, *sent.options))
        assert "A photo and a driving video are needed" in last[3] and last[4] == skip()
    late = ["5" if name == "start" else value for name, value in zip(OPTIONS, sent.options, strict=True)]
    (*_, last) = shown(sent.actions.animate(ANNA, photo, dance, None, *late))
    assert "Nothing is shown from 5 to 1 seconds" in last[3] and "correct “Begin at second” or “End at second”" in last[3]
    (*_, last) = shown(sent.actions.animate(ANNA, {"path": str(notes)}, dance, None, *sent.options))
    assert "notes.jpg: " in last[3] and str(sent.folder.root) not in last[3]
    assert list(sent.actions.visits.of("anna").folder.iterdir()) == []
