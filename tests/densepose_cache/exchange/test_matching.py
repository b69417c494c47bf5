from pathlib import Path

import pytest

from densepose_cache.core.errors import InputError
from densepose_cache.exchange.frames import Frames, look_at_frames
from densepose_cache.exchange.matching import match

VIDEO = Frames(Path("walk.mp4"), 4, 64, 48, None)
FOLDER = Frames(Path("walk"), 4, 64, 48, ("f0", "f1", "f2", "f10"))


@pytest.mark.parametrize(
    ("names", "frames", "first", "expected"),
    [
        (["a", "b", "c", "d"], VIDEO, None, [0, 1, 2, 3]),
        (["x3", "x8", "x9", "x11"], VIDEO, None, [0, 1, 2, 3]),
        (["f0", "f3"], VIDEO, None, [0, None, None, 1]),
        (["f2", "f4"], VIDEO, None, [None, 0, None, 1]),
        (["f2", "f3"], VIDEO, 1, [None, 0, 1, None]),
        (["12_f100x", "12_f102"], VIDEO, 100, [0, None, 1, None]),
        (["f0", "f1", "f2", "f10"], FOLDER, None, [0, 1, 2, 3]),
        (["f1", "f10"], FOLDER, None, [None, 0, None, 1]),
        (["p1", "p2", "p3", "p4"], FOLDER, None, [0, 1, 2, 3]),
    ],
)
def test_frames_and_maps(names, frames, first, expected):
    assert match(names, frames, "maps", first) == expected


@pytest.mark.parametrize(
    ("names", "frames", "first", "reason"),
    [
        ([], VIDEO, None, "maps: holds no maps"),
        (["a", "f1"], VIDEO, None, "holds 2 maps but walk.mp4 has 4 frames, and the name 'a' carries no frame number; give the folder"),
        (["f2", "f3"], VIDEO, None, "numbers 2 to 3 but walk.mp4 has 4 frames; say with --first"),
        (["f0", "f7"], VIDEO, None, "the map of 'f7' lies outside of the 4 frames of walk.mp4, whose first one is number 0"),
        (["f0"], VIDEO, 1, "the map of 'f0' lies outside"),
        (["a0", "b0"], VIDEO, None, "two maps, of 'a0' and 'b0', belong to frame 0 of walk.mp4"),
        ([f"f{k}" for k in range(5)], VIDEO, None, "the map of 'f4' lies outside"),
        (["f1", "f3"], FOLDER, None, "1 of its 2 maps have no frame in walk, the first is for 'f3'"),
        (["p1", "p2"], FOLDER, None, "2 of its 2 maps have no frame in walk"),
        (["f1", "f1"], FOLDER, None, "two maps, of 'f1' and 'f1', belong to frame 1 of walk"),
    ],
)
def test_what_cannot_be_matched(names, frames, first, reason):
    with pytest.raises(InputError, match=reason):
        match(names, frames, "maps", first)


def test_frames_of_videos_and_folders(coded, tmp_path):
    assert look_at_frames(coded) == Frames(coded, 100, 64, 48, None)
    with pytest.raises(InputError, match=r"none\.mp4: no such video or folder"):
        look_at_frames(tmp_path / "none.mp4")
