"""What visitors send: limits, files that browsers cannot show, options."""

import numpy as np
import pytest
from PIL import Image

from densepose_cache.core.errors import InputError
from densepose_cache.video import probe, write_video
from dwnet.config import AnimateSettings
from dwnet.page.folder import page_folder
from dwnet.page.uploads import Limits, files_of, photo_to_show, video_to_show


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with page_folder() as folder:
        yield folder


def test_a_copy_is_shown_where_browsers_cannot_and_the_sent_file_is_used(folder):
    place = folder.visitor()
    frames = np.random.default_rng(0).integers(0, 255, (6, 64, 48, 3), np.uint8)
    Image.fromarray(frames[0]).save(place / "photo.tif")
    Image.fromarray(frames[0]).save(place / "photo.png")
    write_video(place / "dance.gif", frames, 10)
    write_video(place / "dance.mp4", frames, 10)
    photo, video = photo_to_show(place / "photo.tif"), video_to_show(place / "dance.gif")
    assert Image.open(photo).format == "JPEG" and Image.open(photo).size == (48, 64)
    info = probe(video)
    assert (info.codec, info.width, info.height, info.frames_estimate) == ("h264", 48, 64, 6)
    assert photo_to_show(place / "photo.png") == place / "photo.png" and video_to_show(place / "dance.mp4") == place / "dance.mp4"
    assert files_of({"path": str(photo)}, folder) == [place / "photo.tif"]
    assert files_of([{"path": str(video)}, {"path": str(place / "dance.mp4")}], folder) == [place / "dance.gif", place / "dance.mp4"]
    assert files_of(None, folder) == []


def test_files_that_nobody_sent_are_refused(folder, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    with pytest.raises(InputError, match=r"^secret\.jpg: is not here any more; choose it again$"):
        files_of({"path": str(tmp_path / "secret.jpg")}, folder)


def test_limits(tmp_path):
    write_video(tmp_path / "dance.mp4", np.zeros((30, 32, 32, 3), np.uint8), 10)
    with pytest.raises(InputError, match=r"dance\.mp4: has 0\.\d MB, and this page takes at most 0\.0001; send a smaller file"):
        Limits(megabytes=0.0001).check_file(tmp_path / "dance.mp4")
    Limits().check_file(tmp_path / "dance.mp4")
    limits = Limits(seconds=2)
    with pytest.raises(InputError, match=r"dance\.mp4: lasts 3 seconds, and this page animates at most 2 at a time; choose a part"):
        limits.check_length(tmp_path / "dance.mp4", None, None)
    with pytest.raises(InputError, match="lasts 2 seconds"):
        limits.check_length(tmp_path / "dance.mp4", 0.5, 99)
    limits.check_length(tmp_path / "dance.mp4", 1.0, None)
    limits.check_length(tmp_path / "dance.mp4", None, 1.5)


def test_options_are_typed_as_their_settings(gradio):
    from dwnet.page.options import OPTIONS, settings_of

    assert set(OPTIONS) <= set(AnimateSettings.model_fields)
    defaults = AnimateSettings(device="cpu")
    values = dict.fromkeys(OPTIONS, "") | {"device": "auto"}
    assert settings_of(list(values.values()), defaults) == AnimateSettings()
    values |= {"size": " 128", "fps": "12,5", "start": "1"}
    assert settings_of(list(values.values()), defaults) == AnimateSettings(size=128, fps=12.5, start=1)
    for wrong, message in (({"size": "1.5"}, "“Size”: 1.5 is no whole number"), ({"end": "x"}, "“End at second”: x is no number")):
        with pytest.raises(InputError, match=message):
            settings_of(list((values | wrong).values()), defaults)
    with pytest.raises(InputError, match=r"start: .* greater than or equal to 0"):
        settings_of(list((values | {"start": "-1"}).values()), defaults)
