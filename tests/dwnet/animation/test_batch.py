"""`dwnet batch`: many pairs, what is there already, what cannot be made, and stops."""

import os
import signal
import time

import h5py
import numpy as np
import pytest
from forks import start_dwnet
from people import draw
from PIL import Image
from small_cache import write_split
from tiny_model import save_tiny_model, tiny_generator

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from densepose_cache.iuv import write_iuv_png
from densepose_cache.video import probe, read_frames, write_video
from dwnet.animation.batch.contact_sheet import SIDE, contact_sheet
from dwnet.animation.batch.pairs import folder_pairs, table_pairs
from dwnet.animation.batch.results import FAILED, MADE, TABLE, Result, read_results
from dwnet.cli.main import SUBCOMMANDS, SUMMARY
from dwnet.config import AnimateSettings
from dwnet.inference.panels import GAP, caption_height
from dwnet.model.checkpoint import save_model

FRAMES = 4
PANEL = SIDE + caption_height(SIDE)


def motion(folder, name, frames, clip=1):
    drawn = [draw(clip, t % 8) for t in range(frames)]
    write_video(folder / f"{name}.mp4", [frame for frame, _ in drawn], 10)
    with h5py.File(folder / f"{name}.iuv.h5", "w") as file:
        file["iuv"] = np.stack([maps for _, maps in drawn])


@pytest.fixture
def files(tmp_path):
    """Two pictures, two videos, their maps beside them, a cache and a model."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "dances").mkdir()
    for clip, name in enumerate(("anna", "ben")):
        image, iuv = draw(clip, 0)
        Image.fromarray(image).save(tmp_path / "photos" / f"{name}.png")
        write_iuv_png(tmp_path / "photos" / f"{name}_IUV.png", iuv)
    motion(tmp_path / "dances", "slow", FRAMES, 2)
    motion(tmp_path / "dances", "fast", FRAMES, 3)
    write_split(tmp_path / "test.h5", {"a": FRAMES})
    save_tiny_model(tmp_path / "model.safetensors", "compose")
    return tmp_path


def run(files, *arguments, code=0):
    words = ["batch", "--output-folder", files / "out", "--model", files / "model.safetensors", "--no-cache", *arguments]
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [str(word) for word in words]) == code


def run_folders(files, *arguments, code=0):
    run(files, "--sources", files / "photos", "--drivings", files / "dances", "--settings", '{"size": 64}', *arguments, code=code)


def states(files) -> dict[str, str]:
    return {name: result.state for name, result in read_results(files / "out").items()}


def stamps(files) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (files / "out").glob("*.mp4")}


def test_every_picture_moves_as_every_video_does(files, capsys):
    run_folders(files)
    names = ["anna-fast.mp4", "anna-slow.mp4", "ben-fast.mp4", "ben-slow.mp4"]
    assert states(files) == dict.fromkeys(names, MADE)
    assert all(probe(files / "out" / name).frames_estimate == FRAMES for name in names)
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["name", "frames", "seconds", "state"] and [line.split()[0] for line in said[1:5]] == names
    with Image.open(files / "out" / "contact_sheet.png") as sheet:
        assert sheet.size == (3 * SIDE + 2 * GAP, 3 * PANEL + 2 * GAP)
        shown = np.asarray(sheet)
    middle = np.stack(list(read_frames(files / "out" / "ben-slow.mp4")))[FRAMES // 2]
    cell = shown[-SIDE:, -SIDE:].astype(int)
    assert np.abs(cell - np.asarray(Image.fromarray(middle).resize((SIDE, SIDE), Image.Resampling.BICUBIC))).mean() < 2


def test_what_is_there_is_made_again_only_where_something_changed(files):
    """A picture, maps, a video, a result itself, the settings, the model; a file that is only touched is none of them."""
    for path in (files / "dances").glob("fast*"):
        path.unlink()
    run_folders(files)
    before = stamps(files)

    def remade(*arguments) -> set[str]:
        nonlocal before
        run_folders(files, *arguments)
        now = stamps(files)
        changed, before = {name.removesuffix("-slow.mp4") for name in now if now[name] != before.get(name)}, now
        return changed

    os.utime(files / "photos" / "anna.png")
    assert remade() == set()
    Image.fromarray(draw(7, 0)[0]).save(files / "photos" / "anna.png")
    assert remade() == {"anna"}
    write_iuv_png(files / "photos" / "ben_IUV.png", draw(1, 1)[1])
    (files / "out" / "anna-slow.mp4").write_bytes(b"cut off")
    assert remade() == {"anna", "ben"}
    (files / "out" / "ben-slow.mp4").unlink()
    assert remade() == {"ben"}
    motion(files / "dances", "slow", FRAMES, 5)
    assert remade() == {"anna", "ben"}
    assert remade("--settings", '{"size": 64, "fps": 5}') == {"anna", "ben"}
    assert remade("--settings", '{"size": 64, "fps": 5, "device": "cpu"}') == set()
    save_model(files / "model.safetensors", tiny_generator("compose", width=8), {})
    assert remade("--settings", '{"size": 64, "fps": 5}') == {"anna", "ben"}


def test_a_bad_pair_stops_no_other_and_is_named_at_the_end(files, capsys):
    rows = "photos/nobody.png,dances/slow.mp4,", "photos/anna.png,dances/torn.mp4,", "test.h5:a,dances/slow.mp4,sub/third.webm"
    (files / "pairs.csv").write_text("\n".join(["source,driving,out", *rows]))
    (files / "dances" / "torn.mp4").write_bytes(b"no video")
    run(files, files / "pairs.csv", code=1)
    assert states(files) == {"nobody-slow.mp4": FAILED, "anna-torn.mp4": FAILED, "sub/third.webm": MADE}
    said = capsys.readouterr().out
    assert f"failed: nobody-slow.mp4: {files}/photos/nobody.png: no such picture" in said and "failed: anna-torn.mp4: " in said
    assert sorted(path.name for path in (files / "out").iterdir()) == [TABLE, "contact_sheet.png", "sub"]
    (files / "pairs.csv").write_text("source,driving,out\ntest.h5:a,dances/slow.mp4,sub/third.webm\n")
    run(files, files / "pairs.csv")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_run_that_ends_early_is_gone_on_with(files, sent):
    """The second video is long; it is under way when the signal comes."""
    motion(files / "dances", "slow", 400, 2)
    words = ["batch", "--sources", "photos", "--drivings", "dances", "-o", "out", "--no-cache", "--model", "model.safetensors"]
    process = start_dwnet([*words, "--settings", '{"size": 64}'], files, files / "words.txt")
    while len(states(files)) < 1 and process.is_alive():
        time.sleep(0.05)
    os.kill(process.pid, sent)
    process.join(60)
    said = (files / "words.txt").read_text()
    assert list(stamps(files)) == ["anna-fast.mp4"] and not (files / "out" / "contact_sheet.png").exists()
    if sent == signal.SIGINT:
        assert process.exitcode == 130 and "Traceback" not in said
        assert said.splitlines()[-1] == "out: stopped, 1 of 4 are done; the same command goes on"
    first = stamps(files)
    motion(files / "dances", "slow", FRAMES, 2)
    run_folders(files)
    assert len(stamps(files)) == 4 and stamps(files)["anna-fast.mp4"] == first["anna-fast.mp4"]
    assert not [path for path in (files / "out").iterdir() if path.name.endswith(".tmp")]


def test_wrong_tables_and_folders_are_one_error(files, tmp_path):
    cases = {
        "a,b\n1,2\n": "has no column source; it has a, b",
        "source,driving,sped\na,b,c\n": "the column sped is unknown; known are source, driving, out, source_iuv, driving_iuv",
        "source,driving\n": "has no row",
        "source,driving\na.png,\n": "line 2 has no driving",
        "source,driving\na.png,b.mp4\nx/a.png,b.mp4\n": r"2 pairs would be written to a-b\.mp4; give them other names in the column out",
        "source,driving,out\na.png,b.mp4,../x.mp4\n": r"\.\./x\.mp4 does not lie in the folder of results",
    }
    for text, message in cases.items():
        (tmp_path / "pairs.csv").write_text(text)
        with pytest.raises(InputError, match=message):
            table_pairs(tmp_path / "pairs.csv", ".mp4")
    for sources, drivings, message in [
        ("none", "dances", "none: no such folder"),
        ("dances", "dances", "dances: holds no picture"),
        ("photos", "photos", "photos: holds no video and no motion file"),
    ]:
        with pytest.raises(InputError, match=message):
            folder_pairs(files / sources, files / drivings, ".mp4")
    run(files, code=2)
    run_folders(files, "--settings", '{"size": 30}', code=2)
    run_folders(files, "--model", files / "no.safetensors", code=2)
    assert not (files / "out").exists()


def test_a_table_may_name_maps_and_results(tmp_path):
    (tmp_path / "pairs.csv").write_text("source, driving, out, source_iuv\na.png, b.motion.h5, , maps.png\nc.h5:x, d.mp4, two, \n")
    first, second = table_pairs(tmp_path / "pairs.csv", ".gif")
    assert (first.out, first.source_iuv, first.driving_iuv) == ("a-b.gif", tmp_path / "maps.png", None)
    assert (second.out, second.source) == ("two.gif", f"{tmp_path}/c.h5:x")


def test_pairs_that_are_no_product_stand_in_triples(files):
    red = np.full((64, 64, 3), (200, 0, 0), np.uint8)
    (files / "out").mkdir()
    results = []
    for source, driving in (("anna", "slow"), ("ben", "fast"), ("ben", "gone")):
        out, state = f"{source}-{driving}.mp4", FAILED if driving == "gone" else MADE
        if state == MADE:
            write_video(files / "out" / out, [red] * 3, 10)
        results.append(Result(out, f"{files}/photos/{source}.png", f"{files}/dances/{driving}.mp4", state))
    with Image.open(contact_sheet(results, AnimateSettings(), files / "out")) as sheet:
        shown = np.asarray(sheet).astype(int)
    assert shown.shape[1] == 3 * SIDE + 2 * GAP
    red = shown[PANEL - SIDE // 2, 2 * (SIDE + GAP) + 4 : 3 * SIDE]
    assert np.abs(red - (200, 0, 0)).mean() < 12
    assert (shown[-SIDE:, -SIDE:] == 255).all(), "nothing of the one that failed"
