import numpy as np
import pytest
from coded_video import coded_frame

from densepose_cache.core.errors import InputError
from densepose_cache.video import read_folder
from densepose_cache.video.png_folder import FolderWriter, is_folder


def write(path, count, fps=25):
    with FolderWriter(path, fps, (63, 47)) as writer:
        for number in range(count):
            writer.write(coded_frame(number, 63, 47))


def test_frames_come_back_as_they_were_also_of_odd_sides(tmp_path):
    write(tmp_path / "new" / "out", 11)
    assert np.array_equal(np.stack(list(read_folder(tmp_path / "new" / "out"))), [coded_frame(n, 63, 47) for n in range(11)])
    names = sorted(path.name for path in (tmp_path / "new" / "out").iterdir())
    assert names == [".frames.json", *(f"{number:06}.png" for number in range(11))]
    assert (tmp_path / "new/out/.frames.json").read_text() == '{"fps":25.0,"frames":11,"size":[63,47]}'
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


def test_its_own_folder_and_an_empty_one_are_replaced(tmp_path):
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", 5)
    write(tmp_path / "out", 2)
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["000000.png", "000001.png"]


@pytest.mark.parametrize("name", ["000000.png", "notes.txt"])
def test_a_folder_with_files_of_others_is_refused(tmp_path, name):
    (tmp_path / "out").mkdir()
    if name == "notes.txt":
        write(tmp_path / "out", 1)
    (tmp_path / "out" / name).write_text("mine")
    before = sorted((tmp_path / "out").iterdir())
    with pytest.raises(InputError, match=r"out: holds files that this command has not written; empty it, or name another folder"):
        write(tmp_path / "out", 1)
    assert sorted((tmp_path / "out").iterdir()) == before and (tmp_path / "out" / name).read_text() == "mine"


def test_a_file_of_the_name_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="out: is a file, but a folder of PNGs"):
        write(tmp_path / "out", 1)


def test_nothing_is_left_after_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="mine"), FolderWriter(tmp_path / "out", 25, (64, 48)) as writer:
        writer.write(coded_frame(0))
        raise RuntimeError("mine")
    with pytest.raises(InputError, match="no frame to write"):
        write(tmp_path / "out", 0)
    with pytest.raises(InputError, match="a frame is uint8"), FolderWriter(tmp_path / "out", 25, (64, 48)) as writer:
        writer.write(coded_frame(0)[1:])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "folder"),
    [("out", True), ("a/out/", True), ("out.v2/", True), ("out.v2", False), ("out.mp4", False), (".mp4", False), ("..", False)],
)
def test_which_names_are_folders(name, folder):
    assert is_folder(name) == folder
