"""Motions that are saved and used again."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from people import draw
from PIL import Image
from tiny_model import save_tiny_model

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from densepose_cache.iuv import write_iuv_png
from densepose_cache.iuv.side_file import write_side_file
from densepose_cache.storage.digest import file_sha256
from densepose_cache.video import frame_times, read_frames, write_video
from dwnet.animation.motion import Wanted
from dwnet.animation.motion_file import body_box, read_motion, source_of
from dwnet.cli.main import SUBCOMMANDS, SUMMARY

SIZE, FRAMES = 64, 6


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A photo and a video with maps beside them, a small model, and the video's motion; nobody is on the map of frame 3."""
    folder = tmp_path_factory.mktemp("motion")
    rgb, iuv = draw(1, 0, SIZE)
    Image.fromarray(rgb).save(folder / "person.png")
    write_iuv_png(folder / "person_IUV.png", iuv)
    save_tiny_model(folder / "model.safetensors", "compose")
    drawn = [draw(0, number, SIZE) for number in range(FRAMES)]
    write_video(folder / "dance.mp4", [frame for frame, _ in drawn], 10)
    maps = [iuv * (number != 3) for number, (_, iuv) in enumerate(drawn)]
    write_side_file(folder / "dance.iuv.h5", maps, (FRAMES, SIZE, SIZE))
    assert run("motion", folder / "dance.mp4", "-o", folder / "dance.motion.h5", "--size", SIZE, "--crop", "off") == 0
    return folder


def run(*words) -> int:
    return run_subcommands(SUMMARY, SUBCOMMANDS, [str(word) for word in words])


def frames(path: Path) -> np.ndarray:
    return np.stack(list(read_frames(path)))


def test_it_says_what_it_is_of_and_where_somebody_stands_in(files):
    assert source_of(files / "dance.motion.h5") == {"name": "dance.mp4", "sha256": file_sha256(files / "dance.mp4")}
    with h5py.File(files / "dance.motion.h5") as file:
        assert file["held"][:].tolist() == [False, False, False, True, False, False] and file.attrs["fps"] == 10
        assert file["repeats"][:].tolist() == [1] * FRAMES
        assert (file["iuv"][3] == file["iuv"][2]).all() and (file["iuv"][5] == draw(0, 5, SIZE)[1]).all()
        assert file["box"][0].tolist() == list(body_box(draw(0, 0, SIZE)[1]))


def test_a_box_surrounds_the_body():
    iuv = np.zeros((8, 8, 3), np.uint8)
    assert body_box(iuv) == (0, 0, 0, 0)
    iuv[2:5, 1:7, 0] = 3
    assert body_box(iuv) == (1, 2, 7, 5)


@pytest.mark.parametrize("options", [(), ("--fps", 5), ("--fps", 24), ("--start", 0.2, "--end", 0.5), ("--fps", 20, "--start", 0.15)])
def test_it_animates_as_its_video_does(files, tmp_path, options):
    for name in ("dance.mp4", "dance.motion.h5"):
        words = "animate", files / "person.png", files / name, "-o", tmp_path / f"{name}.mp4", "--model", files, "--size", SIZE
        assert run(*words, *options, "--crop", "off") == 0
    one, other = tmp_path / "dance.mp4.mp4", tmp_path / "dance.motion.h5.mp4"
    assert (frames(one) == frames(other)).all()
    assert (frame_times(one).seconds == frame_times(other).seconds).all()


def test_maps_of_another_size_take_the_nearest_pixel(files):
    half, whole = (list(read_motion(files / "dance.motion.h5", Wanted(size)).read()) for size in (32, 64))
    assert all((small.iuv == large.iuv[1::2, 1::2]).all() for small, large in zip(half, whole, strict=True))
    assert [driving.held for driving in half] == [number == 3 for number in range(FRAMES)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("motion", "dance.mp4", "-o", "dance.h5"), "dance.h5: does not end in .motion.h5"),
        (("motion", "dance.motion.h5", "-o", "again.motion.h5"), "dance.motion.h5: is a motion file already"),
        (("motion", "dance.mp4", "-o", "x.motion.h5", "--fps", "0"), "the frame rate must be above 0"),
        (("animate", "person.png", "lost.motion.h5", "-o", "x.mp4"), "lost.motion.h5: no such driving video"),
        (("animate", "person.png", "text.motion.h5", "-o", "x.mp4"), "text.motion.h5: cannot be read as HDF5"),
        (("animate", "person.png", "other.motion.h5", "-o", "x.mp4"), "other.motion.h5: is no motion file"),
        (("animate", "person.png", "newer.motion.h5", "-o", "x.mp4"), "newer.motion.h5: is a motion file of format 2, but format 1"),
        (("animate", "person.png", "dance.motion.h5", "-o", "x.mp4", "--driving-iuv", "dance.iuv.h5"), "has IUV maps of its own"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(files, monkeypatch, capsys, words, message):
    monkeypatch.chdir(files)
    Path("text.motion.h5").write_text("no HDF5")
    for name, number in (("other", None), ("newer", 2)):
        with h5py.File(f"{name}.motion.h5", "w") as file:
            if number:
                file.attrs.update({"kind": "dwnet motion", "format": number})
    before = sorted(path.name for path in files.iterdir() if not path.name.endswith(".lock"))
    assert run(*words, *(("--model", files) if words[0] == "animate" else ())) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: ") and message in said
    assert sorted(path.name for path in files.iterdir() if not path.name.endswith(".lock")) == before


def test_a_damaged_frame_is_named(files, tmp_path):
    path = tmp_path / "broken.motion.h5"
    path.write_bytes((files / "dance.motion.h5").read_bytes())
    with h5py.File(path) as file:
        place = file["iuv"].id.get_chunk_info(2)
    with path.open("r+b") as file:
        file.seek(place.byte_offset + place.size // 2)
        file.write(b"\xff" * 8)
    with pytest.raises(InputError, match=r"broken\.motion\.h5: frame 2 is damaged"):
        list(read_motion(path, Wanted(SIZE)).read())


def test_a_part_beyond_the_motion_is_refused(files, tmp_path, capsys):
    for words in (("--start", 0.7), ("--start", 0.3, "--end", 0.3)):
        assert run("animate", files / "person.png", files / "dance.mp4", "-o", tmp_path / "x.mp4", "--model", files, *words) == 2
        assert "of a motion of 0.60 seconds; correct --start or --end" in capsys.readouterr().err
