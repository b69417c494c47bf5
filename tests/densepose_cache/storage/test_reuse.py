"""Earlier results that are kept, and what belongs to them."""

import pytest

from densepose_cache.storage.reuse import belongs, filled_for, is_kept, keep, kept, take_up


def test_a_kept_file_outlives_its_name_and_stands_again(tmp_path):
    path = tmp_path / "result.txt"
    path.write_text("first")
    keep(path)
    path.unlink()
    path.write_text("second")
    assert is_kept(path, "first", lambda file: file.read_text()) and not is_kept(path, "second", lambda file: file.read_text())
    take_up(path)
    assert path.read_text() == "first" and path.samefile(kept(path))
    assert sorted(each.name for each in tmp_path.iterdir()) == [".result.txt.kept", "result.txt"]


def test_a_result_that_is_a_link_is_taken_up_where_it_leads(tmp_path):
    (tmp_path / "disk").mkdir()
    path = tmp_path / "rollout.h5"
    path.symlink_to("disk/real.h5")
    path.write_text("frames")
    keep(path)
    assert not kept(path).is_symlink()
    (tmp_path / "disk/real.h5").unlink()
    take_up(path)
    assert path.is_symlink() and not (tmp_path / "disk/real.h5").is_symlink() and path.read_text() == "frames"


def test_nothing_is_kept_before_something_was_finished(tmp_path):
    assert not is_kept(tmp_path / "result.txt", "first", lambda _: pytest.fail("there is nothing to read"))


def test_a_folder_belongs_to_nothing_until_it_is_whole(tmp_path):
    folder = tmp_path / "videos"
    assert not belongs(folder, "first")
    with filled_for(folder, "first"):
        assert not belongs(folder, "first")
    assert belongs(folder, "first") and not belongs(folder, "second")
    with pytest.raises(KeyboardInterrupt), filled_for(folder, "second"):
        raise KeyboardInterrupt
    assert not belongs(folder, "first") and not belongs(folder, "second")
