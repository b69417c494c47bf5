"""The clip table as it is built: shards, remembered digests, what a change touches."""

import json
import os

from densepose_cache.cache.shard import bucket
from densepose_cache.clips import clip_digests, read_table, table_digest
from densepose_cache.clips import digests as digests_module
from densepose_cache.config import FramesSource, VideosSource
from densepose_cache.stages.clips import build_clip_table, current_table
from densepose_cache.storage.digest import file_sha256, listing_digest


def test_every_shard_has_a_table_and_clips_lie_in_their_bucket(folders, tmp_path):
    build_clip_table(FramesSource(kind="frames", path=str(folders)), tmp_path, tmp_path / "cache/clips.csv", 7)
    found = {}
    for number in range(7):
        for clip in read_table(tmp_path / f"cache/clips/{number:03d}.csv")["clip"]:
            found[clip] = number
    assert found == {clip: bucket(clip, 7) for clip in found} and len(found) == 4
    assert len(list((tmp_path / "cache/clips").iterdir())) == 7, "empty shards, too, and nothing else"


def test_digests_are_remembered_until_a_file_changes(videos, tmp_path, monkeypatch):
    source, out = VideosSource(kind="videos", path=str(videos)), tmp_path / "cache/clips.csv"
    counted = []
    monkeypatch.setattr(digests_module, "file_sha256", lambda path: counted.append(path.name) or file_sha256(path))
    first = build_clip_table(source, tmp_path, out, 1)
    assert len(counted) == 4
    counted.clear()
    assert build_clip_table(source, tmp_path, out, 1).equals(first) and not counted
    os.utime(videos / "train/a.mp4", ns=(1, 1))
    (videos / "train/b.iuv.h5").write_bytes(b"other maps")
    second = build_clip_table(source, tmp_path, out, 1)
    assert sorted(counted) == ["a.mp4", "b.iuv.h5"]
    assert second["sha256"].equals(first["sha256"])
    assert second["iuv_sha256"].tolist() != first["iuv_sha256"].tolist()


def test_frames_that_change_places_are_digested_again(folders, tmp_path):
    source, out = FramesSource(kind="frames", path=str(folders)), tmp_path / "cache/clips.csv"
    first, target = build_clip_table(source, tmp_path, out, 1), folders / "fashion/1/target"
    for old, new in (("frame0", "x"), ("frame1", "frame0"), ("x", "frame1")):
        (target / f"{old}.png").rename(target / f"{new}.png")
    second = build_clip_table(source, tmp_path, out, 1)
    assert second["sha256"][0] != first["sha256"][0] and second["sha256"][2] == first["sha256"][2]


def test_what_changes_behind_a_link_changes_the_listing(videos, tmp_path):
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/train").symlink_to(videos / "train")
    before = listing_digest(tmp_path / "linked")
    assert before == listing_digest(tmp_path / "linked")
    (videos / "train/c.mp4").write_bytes(b"new")
    assert listing_digest(tmp_path / "linked") != before
    assert listing_digest(tmp_path / "linked", "*.iuv.h5") == listing_digest(videos, "*.iuv.h5")


def test_the_table_as_it_would_be_now_writes_nothing(videos, tmp_path, monkeypatch):
    source, out = VideosSource(kind="videos", path=str(videos)), tmp_path / "cache/clips.csv"
    assert not out.parent.exists() and len(current_table(source, tmp_path, out.parent)) == 3 and not out.parent.exists()
    first = build_clip_table(source, tmp_path, out, 1)
    memory = (out.parent / ".digests.json").read_bytes()
    counted = []
    monkeypatch.setattr(digests_module, "file_sha256", lambda path: counted.append(path.name) or file_sha256(path))
    now = current_table(source, tmp_path, out.parent)
    assert not counted and table_digest(now) == table_digest(first)
    current_table(source, tmp_path, out.parent, read_all=True)
    assert len(counted) == 4
    (videos / "train/b.iuv.h5").write_bytes(b"other maps")
    now = current_table(source, tmp_path, out.parent)
    assert table_digest(now) != table_digest(first) and (out.parent / ".digests.json").read_bytes() == memory
    changed = clip_digests(now) != clip_digests(first)
    assert list(changed.index[changed]) == ["train-b"]


def test_a_spoilt_memory_of_digests_is_ignored(videos, tmp_path):
    source, out = VideosSource(kind="videos", path=str(videos)), tmp_path / "cache/clips.csv"
    first = build_clip_table(source, tmp_path, out, 1)
    (out.parent / ".digests.json").write_text('{"broken')
    assert build_clip_table(source, tmp_path, out, 1).equals(first)
    assert len(json.loads((out.parent / ".digests.json").read_text())) == 4


def test_adding_a_clip_touches_one_shard(videos, tmp_path, coded):
    source, out = VideosSource(kind="videos", path=str(videos)), tmp_path / "cache/clips.csv"
    build_clip_table(source, tmp_path, out, 5)
    for path in (out.parent / "clips").iterdir():
        os.utime(path, (1, 1))
    (videos / "train/new.mp4").write_bytes(coded.read_bytes())
    build_clip_table(source, tmp_path, out, 5)
    changed = [path.name for path in (out.parent / "clips").iterdir() if path.stat().st_mtime != 1]
    assert changed == [f"{bucket('train-new', 5):03d}.csv"]
