"""Folders of frames and of videos."""

import pytest
from source_folders import frames_folder


@pytest.fixture
def folders(tmp_path):
    """Two clips in the official layout."""
    frames_folder(tmp_path / "frames", "fashion/1", 10)
    frames_folder(tmp_path / "frames", "taichi/1", 21)
    return tmp_path / "frames"


@pytest.fixture
def videos(tmp_path, coded):
    """A folder of videos: train/a.mp4, train/b.mp4 with a side file, test/a.mp4."""
    for name in ("train/a.mp4", "train/b.mp4", "test/a.mp4"):
        (tmp_path / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "videos" / name).write_bytes(coded.read_bytes())
    (tmp_path / "videos/train/b.iuv.h5").write_bytes(b"maps")
    (tmp_path / "videos/train/notes.txt").write_text("no video")
    return tmp_path / "videos"
