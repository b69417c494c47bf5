"""Files appear under their name whole or not at all."""

import pytest

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import folder_written_whole, temporary_name, write_text_whole, written_whole


def names(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "table.csv"
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert temporary == temporary_name(path) and temporary.parent == tmp_path
        assert not path.exists()
    assert path.read_text() == "new" and names(tmp_path) == ["table.csv"]


def test_old_file_stands_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with written_whole(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and names(tmp_path) == ["table.csv"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_exception_leaves_no_file(tmp_path, error):
    with pytest.raises(error), written_whole(tmp_path / "table.csv") as temporary:
        temporary.write_text("half")
        raise error
    assert names(tmp_path) == []


def test_exception_keeps_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(ValueError), written_whole(path) as temporary:
        temporary.write_text("half")
        raise ValueError
    assert path.read_text() == "old" and names(tmp_path) == ["table.csv"]


def test_failed_rename_leaves_no_temporary_file(tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(OSError), written_whole(path) as temporary:
        temporary.write_text("new")
        path.mkdir()
    assert path.is_dir() and names(tmp_path) == []


@pytest.mark.parametrize("name", ["maps", "."])
def test_a_folder_is_refused_as_a_file_before_anything_is_made(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "maps").mkdir()
    with pytest.raises(InputError, match=rf"^{name}: is a folder; name a file to write$"), written_whole(name):
        pytest.fail("the work began")
    assert [each.name for each in tmp_path.iterdir()] == ["maps"]


def test_missing_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "table.csv"
    with written_whole(str(path)) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new" and names(tmp_path) == ["table.csv"]


def test_text_is_written_in_utf_8_with_its_own_line_ends(tmp_path):
    path = tmp_path / "a" / "table.csv"
    write_text_whole(path, "é\r\n\n")
    assert path.read_bytes() == b"\xc3\xa9\r\n\n" and names(tmp_path) == ["table.csv"]
    with pytest.raises(UnicodeEncodeError):
        write_text_whole(path, "half \ud800")
    assert path.read_bytes() == b"\xc3\xa9\r\n\n" and names(tmp_path) == ["table.csv"]


def test_folder_appears_when_the_block_ends_in_place_of_the_old_one(tmp_path):
    path = tmp_path / "maps"
    path.mkdir()
    (path / "old.png").write_text("old")
    with folder_written_whole(path) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub/new.png").write_text("new")
        assert names(path) == ["old.png"]
    assert names(path) == ["new.png"] and [each.name for each in tmp_path.iterdir()] == ["maps"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_exception_leaves_no_folder_and_keeps_the_old_one(tmp_path, error):
    with pytest.raises(error), folder_written_whole(tmp_path / "maps") as temporary:
        (temporary / "half.png").write_text("half")
        raise error
    assert not list(tmp_path.iterdir())
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps/old.png").write_text("old")
    with pytest.raises(error), folder_written_whole(tmp_path / "maps") as temporary:
        (temporary / "half.png").write_text("half")
        raise error
    assert names(tmp_path) == ["old.png"]


def test_the_target_of_a_link_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "disk").mkdir()
    target, link = tmp_path / "disk" / "real.csv", tmp_path / "table.csv"
    link.symlink_to(target)
    for text in ("first", "second"):
        write_text_whole(link, text)
        assert link.is_symlink() and target.read_text() == text and not target.is_symlink()
    assert names(tmp_path) == ["real.csv", "table.csv"]


def test_a_link_to_a_folder_is_written_into(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    with folder_written_whole(tmp_path / "out") as temporary:
        (temporary / "a").touch()
    assert (tmp_path / "out").is_symlink() and names(tmp_path / "disk") == ["a"]


@pytest.mark.parametrize("length", [200, 250, 255])
def test_the_longest_names_are_written(tmp_path, length):
    path = tmp_path / ("n" * length)
    for text in ("first", "second"):
        write_text_whole(path, text)
    assert path.read_text() == "second" and names(tmp_path) == [path.name]


def test_a_name_that_is_too_long_is_refused(tmp_path):
    with pytest.raises(InputError, match="the name has 256 bytes, but a file's may have 255; take a shorter one"):
        write_text_whole(tmp_path / ("n" * 256), "")
    deep = tmp_path.joinpath(*(20 * ["d" * 250]))
    with pytest.raises(InputError, match=r"the path has .* bytes, but 4095 are possible"):
        write_text_whole(deep / "a", "")
