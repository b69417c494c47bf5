import os
import shutil

import numpy as np
import pytest
from PIL import Image

from densepose_cache.core.errors import InputError
from densepose_cache.video import frame_files, read_folder
from densepose_cache.video.folder import folder_conversions
from densepose_cache.video.picture import picture_size, read_picture


@pytest.fixture
def folder(tmp_path):
    for number in range(12):
        Image.fromarray(np.full((10, 14, 3), number, np.uint8)).save(tmp_path / f"frame{number}.png")
    (tmp_path / "notes.txt").write_text("not a frame")
    (tmp_path / "._frame0.png").write_text("left by a file manager")
    return tmp_path


def test_natural_order(folder):
    assert [path.name for path in frame_files(folder)] == [f"frame{number}.png" for number in range(12)]
    assert [frame[0, 0, 0] for frame in read_folder(folder, 9, 12)] == [9, 10, 11]


def test_grey_and_transparent_pictures_become_rgb(tmp_path):
    Image.fromarray(np.full((4, 4), 77, np.uint8)).save(tmp_path / "0.png")
    Image.fromarray(np.full((4, 4, 4), 99, np.uint8)).save(tmp_path / "1.png")
    frames = list(read_folder(tmp_path))
    assert [frame.shape for frame in frames] == [(4, 4, 3)] * 2
    assert [frame[0, 0].tolist() for frame in frames] == [[77] * 3, [194] * 3]
    assert [frame[0, 0].tolist() for frame in read_folder(tmp_path, 1, 2, pad=(0, 255, 0))] == [[38, 194, 38]]


@pytest.mark.parametrize(("orientation", "turn"), [(1, 0), (3, 2), (6, 1), (8, 3)])
def test_pictures_are_turned_as_their_tags_say(tmp_path, orientation, turn):
    shown = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    tags = Image.Exif()
    tags[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(np.rot90(shown, turn))).save(tmp_path / "a.png", exif=tags)
    assert (read_picture(tmp_path / "a.png") == shown).all() and picture_size(tmp_path / "a.png") == (3, 2)


def test_a_picture_of_another_size_is_named(folder):
    Image.fromarray(np.zeros((10, 15, 3), np.uint8)).save(folder / "frame7.png")
    with pytest.raises(InputError, match=r"frame7\.png: is 15x10 but frame0\.png is 14x10"):
        list(read_folder(folder))


def test_a_truncated_picture_is_named(folder):
    data = (folder / "frame5.png").read_bytes()
    (folder / "frame5.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"frame5\.png: cannot be read as a picture"):
        list(read_folder(folder))


def test_empty_and_missing_folders(tmp_path):
    with pytest.raises(InputError, match="holds no frames"):
        frame_files(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        frame_files(tmp_path / "none")


def test_other_kinds_of_pictures_are_frames_where_there_is_no_png_or_jpeg(folder, tmp_path):
    Image.fromarray(np.zeros((10, 14, 3), np.uint8)).save(folder / "a.webp")
    assert len(frame_files(folder)) == 12
    other = tmp_path / "other"
    other.mkdir()
    for name in ("2.webp", "10.TIF"):
        Image.fromarray(np.full((10, 14, 3), 7, np.uint8)).save(other / name)
    assert [path.name for path in frame_files(other)] == ["2.webp", "10.TIF"]
    assert all((frame == 7).all() for frame in read_folder(other))


def test_what_is_done_to_frames_is_said_once(folder):
    assert folder_conversions(folder) == []
    Image.fromarray(np.full((10, 14), 40000, np.uint16)).save(folder / "frame3.png")
    Image.fromarray(np.full((10, 14, 4), 0, np.uint8)).save(folder / "frame4.png")
    Image.fromarray(np.full((10, 14, 4), 255, np.uint8)).save(folder / "frame5.png")
    assert [text.split()[0] for text in folder_conversions(folder)] == ["16-bit", "transparency"]
    assert folder_conversions(folder, 5, 8) == folder_conversions(folder / "none") == []


def test_links_without_a_target_and_names_of_older_encodings(folder):
    (folder / "frame12.png").symlink_to("/nowhere/x.png")
    with pytest.raises(InputError, match=r"frame12\.png is a link to /nowhere/x\.png"):
        frame_files(folder)
    (folder / "frame12.png").unlink()
    shutil.copy(folder / "frame0.png", os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png"))
    with pytest.raises(InputError, match=r"caf\\xe9\.png: the name is not UTF-8"):
        frame_files(folder)
