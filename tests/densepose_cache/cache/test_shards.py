from pathlib import Path

import h5py
import numpy as np
import pytest

from densepose_cache.cache import shard
from densepose_cache.cache.shard import ShardWriter, bucket, open_shard
from densepose_cache.core.errors import InputError


def build(path, digests, settings=None, frames=5):
    """Write a shard of `digests` (clip -> digest); the lists of kept and created clips."""
    with ShardWriter(path, "decode", settings or {}) as shard:
        for clip, digest in digests.items():
            if shard.keep(clip, digest):
                continue
            stream = shard.stream(shard.create(clip, digest, split="train"), "rgb", (4, 4, 3), "uint8")
            for t in range(frames):
                stream.append(np.full((4, 4, 3), t, np.uint8))
            stream.close()
    return shard.kept, shard.created


def test_a_new_shard_holds_what_was_streamed(tmp_path):
    build(tmp_path / "000.h5", {"a": "1"}, frames=21)
    with open_shard(tmp_path / "000.h5", "decode") as file:
        assert file["a/rgb"].shape == (21, 4, 4, 3)
        assert file["a/rgb"].chunks == (1, 4, 4, 3)
        assert (file["a/rgb"][:, 0, 0, 0] == np.arange(21)).all()
        assert file["a"].attrs["digest"] == "1" and file["a"].attrs["split"] == "train"


def test_a_rebuilt_shard_takes_over_unchanged_clips_though_the_file_was_deleted(tmp_path):
    path = tmp_path / "000.h5"
    build(path, {"a": "1", "b": "1"})
    path.unlink()
    assert build(path, {"a": "1", "b": "2"}) == (["a"], ["b"])
    with open_shard(path, "decode") as file:
        assert set(file) == {"a", "b"} and (file["a/rgb"][:, 0, 0, 0] == np.arange(5)).all()


def test_an_unchanged_shard_is_the_same_file_again(tmp_path):
    path = tmp_path / "000.h5"
    build(path, {"a": "1", "b": "1"})
    inode = path.stat().st_ino
    path.unlink()
    assert build(path, {"b": "1", "a": "1"}) == (["b", "a"], [])
    assert path.stat().st_ino == inode


def test_a_removed_clip_leaves_the_shard(tmp_path):
    path = tmp_path / "000.h5"
    build(path, {"a": "1", "b": "1"})
    build(path, {"b": "1"})
    with open_shard(path, "decode") as file:
        assert list(file) == ["b"]


def test_a_new_format_version_takes_nothing_over(tmp_path, monkeypatch):
    path = tmp_path / "000.h5"
    build(path, {"a": "1"})
    monkeypatch.setitem(shard.FILE_FORMATS, "decode", 99)
    with pytest.raises(InputError, match="format"):
        open_shard(path, "decode")
    assert build(path, {"a": "1"}) == ([], ["a"])


def test_a_failing_writer_leaves_no_file_and_keeps_the_shard_before(tmp_path):
    path = tmp_path / "000.h5"
    with pytest.raises(RuntimeError), ShardWriter(path, "decode", {}) as shard:
        shard.create("a", "1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    build(path, {"a": "1"})
    with pytest.raises(RuntimeError), ShardWriter(path, "decode", {}) as shard:
        raise RuntimeError
    assert sorted(p.name for p in tmp_path.iterdir()) == [".000.h5.kept", "000.h5"]


@pytest.mark.parametrize("content", [b"", b"<html>not a shard</html>"])
def test_a_foreign_file_is_named_with_what_to_do(tmp_path, content):
    path = tmp_path / "000.h5"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"000\.h5.*run the `decode` stage again"):
        open_shard(path, "decode")


@pytest.mark.parametrize("name", ["folder", "."])
def test_a_folder_in_place_of_the_shard_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=rf"^{name}: is a folder"):
        build(name, {"a": "1"})
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_may_be_someones_own_is_not_to_be_removed(tmp_path):
    """Where something else is given than a file of that stage, it is said what it is; damage and old formats have a command."""
    build(tmp_path / "000.h5", {"a": "1"})
    (tmp_path / "text.mp4").write_text("text")
    with h5py.File(tmp_path / "dance.iuv.h5", "w") as file:
        file["iuv"] = np.zeros((1, 4, 4, 3), np.uint8)
    h5py.File(tmp_path / "other.h5", "w").close()
    for name, message in {
        "000.h5": r"holds stage 'decode' in format \d+, but 'index' in format \d+ is needed",
        "text.mp4": "is no HDF5 file",
        "dance.iuv.h5": r"is a side file of IUV maps, but 'index' in format \d+ is needed",
        "other.h5": r"holds stage None in format None, but 'index' in format \d+ is needed",
    }.items():
        with pytest.raises(InputError, match=rf"^{tmp_path}/{name}: {message}; give train\.h5 or test\.h5 of a cache; ") as error:
            open_shard(tmp_path / name, "index")
        assert "rm " not in str(error.value) and "delete" not in str(error.value)
    with pytest.raises(InputError, match=r"000\.h5: holds stage 'decode' .*; give a shard of warps/; "):
        open_shard(tmp_path / "000.h5", "warp")


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    (tmp_path / "000.h5").write_text("mine")

    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(InputError, match=r"000\.h5: cannot be read \(permission denied\)$"):
        open_shard(tmp_path / "000.h5", "decode")


def test_a_truncated_shard_is_named(tmp_path):
    path = tmp_path / "000.h5"
    build(path, {"a": "1"})
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"000\.h5"):
        open_shard(path, "decode")


def test_another_stage_is_refused_and_a_missing_one_named(tmp_path):
    build(tmp_path / "000.h5", {"a": "1"})
    with pytest.raises(InputError, match="'decode'"):
        open_shard(tmp_path / "000.h5", "warp")
    with pytest.raises(InputError, match="no such shard"):
        open_shard(tmp_path / "001.h5", "warp")
    h5py.File(tmp_path / "002.h5", "w").close()
    with pytest.raises(InputError, match="None"):
        open_shard(tmp_path / "002.h5", "warp")


def test_buckets_depend_on_the_name_alone_and_spread():
    names = [f"clip-{k}" for k in range(1000)]
    counts = np.bincount([bucket(name, 10) for name in names], minlength=10)
    assert counts.min() > 60
    assert bucket("clip-1", 10) == bucket("clip-1", 10)
    assert bucket("91-3003CN5S.mp4", 38) == 11


def test_a_shard_that_is_a_link_is_written_where_it_leads(tmp_path):
    (tmp_path / "disk").mkdir()
    path = tmp_path / "000.h5"
    path.symlink_to("disk/real.h5")
    build(path, {"a": "1"})
    assert build(path, {"a": "1", "b": "1"}) == (["a"], ["b"])
    assert path.is_symlink() and not (tmp_path / "disk/real.h5").is_symlink()
    with open_shard(path, "decode") as file:
        assert set(file) == {"a", "b"}
