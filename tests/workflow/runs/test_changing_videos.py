"""A folder of videos that changes: one shard of each stage is built again, and nothing where nothing has changed."""

import os
import re
import shutil

import h5py
import pytest
from tiny_project import TINY
from web_server import WebServer

from densepose_cache.rendered.write import write_sample

INDEX = "cache/mine/train.h5"


@pytest.fixture
def videos(make_project):
    """A project with a folder of videos and their IUV maps in two shards, cached; and a video that is not yet in it."""
    source = {"kind": "videos", "path": "data/mine"}
    dataset = {"source": source, "shards": 2, "densepose": {"degrade": "none"}}
    project = make_project(TINY | {"datasets": {"mine": dataset}})
    small = {"size": 64, "frames": 4, "fps": 5, "workers": 1}
    write_sample(project.folder / "rendered", train=3, test=1, **small)
    write_sample(project.folder / "other", train=1, test=0, seed=9, **small)
    for split in ("train", "test"):
        folder = project.folder / "data/mine" / split
        folder.mkdir(parents=True)
        for path in (project.folder / "rendered").glob(f"sample-{split}-*"):
            shutil.move(path, folder)
    assert project.run(INDEX).returncode == 0
    return project


def put(project, name):
    """Lay the other video and its maps into the folder as training video `name`."""
    for suffix in (".mp4", ".iuv.h5"):
        shutil.copy(project.folder / f"other/sample-train-0000{suffix}", project.folder / f"data/mine/train/{name}{suffix}")


def rerun(project):
    """Jobs of another run, and the shards that they built."""
    done = project.run(INDEX)
    assert done.returncode == 0, done.stdout
    return project.jobs(done), set(re.findall(r"shard=(\d+)", done.stdout))


def checksums(project) -> dict:
    """Checksums of all clips by stage and name."""
    found = {}
    for path in (project.folder / "cache/mine").glob("*/*.h5"):
        with h5py.File(path) as file:
            found |= {(path.parent.name, clip): file[clip].attrs["checksum"] for clip in file}
    return found


@pytest.mark.slow
def test_only_what_changed_is_built_again(videos):
    one_shard = {"clips": 1, "decode": 1, "densepose": 1, "warp": 1, "index": 1}
    before = checksums(videos)
    put(videos, "sample-train-0001")
    jobs, shards = rerun(videos)
    after = checksums(videos)
    assert {key for key in before if after[key] != before[key]} == {
        (stage, "train-sample-train-0001") for stage in ("frames", "iuv", "warps")
    }
    assert after.keys() == before.keys() and len(before) == 12
    assert jobs == one_shard and len(shards) == 1, "a replaced video"
    put(videos, "another")
    jobs, shards = rerun(videos)
    assert jobs == one_shard and len(shards) == 1, "an added video"
    os.utime(videos.folder / "data/mine/train/another.mp4")
    assert rerun(videos) == ({"clips": 1}, set()), "a touched video"
    for path in (videos.folder / "data/mine/train").glob("another.*"):
        path.unlink()
    jobs, shards = rerun(videos)
    assert jobs == one_shard and len(shards) == 1, "a removed video"
    assert rerun(videos) == ({}, set())

    (videos.folder / "data/mine").rename(videos.folder / "away")
    done = videos.run(INDEX)
    assert done.returncode != 0 and "error: data/mine: no such folder of videos" in done.stdout
    (videos.folder / "away").rename(videos.folder / "data/mine")
    assert rerun(videos) == ({"clips": 1}, set()), "a folder that was not mounted"


@pytest.mark.slow
def test_a_list_of_urls_that_changes_is_fetched_again_and_a_video_that_is_replaced_is_looked_at(make_project):
    source = {"kind": "urls", "train": "train.txt", "test": "test.txt"}
    project = make_project({"datasets": {"mine": {"source": source, "densepose": {"backend": "embedded"}}}})
    write_sample(project.folder / "rendered", train=2, test=1, size=64, frames=4, fps=5, workers=1)
    server = WebServer()
    try:
        for path in (project.folder / "rendered").glob("*.mp4"):
            server.files[f"/{path.name}"] = path.read_bytes()
        train, fetched = project.folder / "train.txt", "data/mine/fetched.csv"
        train.write_text(f"{server.url}/sample-train-0000.mp4\n")
        (project.folder / "test.txt").write_text(f"{server.url}/sample-test-0000.mp4\n")
        assert project.jobs(project.run(fetched)) == {"fetch": 1} and project.jobs(project.run(fetched)) == {}
        with train.open("a") as file:
            file.write(f"{server.url}/sample-train-0001.mp4\n")
        assert project.jobs(project.run(fetched)) == {"fetch": 1}
        assert len(list((project.folder / "data/mine").glob("*.mp4"))) == 3
        clips, video = "cache/mine/clips.csv", project.folder / "data/mine/sample-train-0000.mp4"
        assert project.jobs(project.run(clips)) == {"clips": 1}
        other = video.with_name("sample-train-0001.mp4")
        shutil.copy2(other, video)
        assert project.jobs(project.run(clips)) == {"clips": 1}
        rows = [line.split(",") for line in (project.folder / clips).read_text().splitlines()]
        digest = rows[0].index("sha256")
        assert len({row[digest] for row in rows if row[0].startswith("sample-train")}) == 1, "both are one video now"
        assert project.jobs(project.run(clips)) == {}
    finally:
        server.close()
