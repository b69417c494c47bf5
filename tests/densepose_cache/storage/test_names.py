"""Names that are too long or not UTF-8, and links without a target."""

import os
from pathlib import Path

import pytest

from densepose_cache.core.errors import InputError
from densepose_cache.storage.names import check_file, check_name, hidden, is_there, output_path, shortened


def test_names_that_are_too_long_are_shortened_and_stay_different():
    assert shortened("a" * 50, 50) == "a" * 50
    one, other = shortened("a" * 300 + "b", 50), shortened("a" * 300 + "c", 50)
    assert len(one) == len(other) == 50 and one != other and one.startswith("a" * 43 + "-")
    assert len(shortened("\u00fc" * 100, 51).encode()) <= 51


@pytest.mark.parametrize("length", [1, 200, 201, 255])
def test_hidden_companions_fit_for_every_name(tmp_path, length):
    path = tmp_path / ("n" * length)
    found = hidden(path, "12345678-1f0c93ab.old.tmp")
    found.touch()
    assert found.parent == tmp_path and found.name.startswith(".n")
    if length <= 200:
        assert found.name == f".{path.name}.12345678-1f0c93ab.old.tmp"


def test_names_that_no_file_or_table_can_have():
    check_name(Path("K\u00e4se und \u732b.mp4"))
    with pytest.raises(InputError, match=r"data/caf\\xe9\.mp4: the name is not UTF-8 \(characters of an older encoding\); rename it"):
        check_name(Path(os.fsdecode(b"data/caf\xe9.mp4")))
    with pytest.raises(InputError, match=r"the name has 300 bytes, but a file's may have 255"):
        check_name(Path("a" * 300))


def test_links_without_a_target(tmp_path):
    link = tmp_path / "x.mp4"
    link.symlink_to("/nowhere/x.mp4")
    for look in (is_there, lambda path: check_file(path, "video")):
        with pytest.raises(
            InputError, match=r"x\.mp4 is a link to /nowhere/.*, which is not there; restore its target, or remove the link"
        ):
            look(link)
    assert not is_there(tmp_path / "none") and not is_there(tmp_path / ("a" * 300))


def test_an_output_that_is_a_link_is_its_target(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "out.mp4"
    link.symlink_to("disk/real.mp4")
    assert output_path(link) == tmp_path / "disk/real.mp4"
    assert output_path(tmp_path / "plain.mp4") == tmp_path / "plain.mp4"


@pytest.mark.parametrize("target", ["/nowhere/x.mp4", "out.mp4"])
def test_an_output_that_is_a_link_to_nowhere_is_refused(tmp_path, target):
    (tmp_path / "out.mp4").symlink_to(target)
    with pytest.raises(InputError, match=rf"out\.mp4 is a link to {target}, which cannot be written to"):
        output_path(tmp_path / "out.mp4")
