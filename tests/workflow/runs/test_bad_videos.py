"""A video that cannot be decoded: in quarantine the rest runs to the report, and mending it builds its shard alone."""

import re
import shutil

import pandas as pd
import pytest
from tiny_project import TINY

from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.shard import bucket, shard_name
from densepose_cache.clips.table import clip_name
from densepose_cache.rendered.write import write_sample

SHARDS = 4
INDEX, METRICS = "cache/mine/train.h5", "results/mine/metrics.json"
BROKEN = "data/mine/train/sample-train-0001.mp4"


def configuration(policy):
    source = {"kind": "videos", "path": "data/mine"}
    keys = {"video": TINY["video"] | {"bad_clips": policy}, "densepose": {"backend": "precomputed", "bad_clips": "quarantine"}}
    return TINY | keys | {"datasets": {"mine": {"source": source, "shards": SHARDS}}}


@pytest.fixture
def project(make_project):
    """A project with a folder of four videos and their IUV maps; one training video is cut off, its whole is in `whole.mp4`."""
    project = make_project(configuration("quarantine"))
    write_sample(project.folder / "rendered", train=3, test=1, size=64, frames=5, fps=5, workers=1)
    for split in ("train", "test"):
        folder = project.folder / "data/mine" / split
        folder.mkdir(parents=True)
        for path in (project.folder / "rendered").glob(f"sample-{split}-*"):
            shutil.move(path, folder)
    broken = project.folder / BROKEN
    shutil.copy(broken, project.folder / "whole.mp4")
    broken.write_bytes(broken.read_bytes()[:-600])
    return project


def run(project, target):
    done = project.run(target)
    assert done.returncode == 0, done.stdout
    return project.jobs(done), set(re.findall(r"shard=(\d+)", done.stdout)), done.stdout


def clips(project, split):
    with SplitReader(project.folder / f"cache/mine/{split}.h5") as reader:
        return reader.clips


@pytest.mark.slow
def test_the_rest_runs_and_a_mended_video_comes_back(project):
    lost = clip_name("train/sample-train-0001")
    project.configure(configuration("fail"))
    stopped = project.run(INDEX)
    assert stopped.returncode != 0 and "sample-train-0001.mp4: the video is truncated" in stopped.stdout
    assert "video.bad_clips to quarantine" in stopped.stdout
    project.configure(configuration("quarantine"))
    jobs, _, text = run(project, METRICS)
    assert jobs["train"] == jobs["evaluate"] == jobs["report"] == 1
    assert f"clip {lost} is left out: {BROKEN}" in text and "1 of 4 clips are in quarantine" in text
    (row,) = pd.read_csv(project.folder / "cache/mine/quarantine.csv").itertuples()
    assert (row.clip, row.split, row.stage) == (lost, "train", "decode") and "truncated" in row.reason
    assert lost not in clips(project, "train") and len(clips(project, "train")) == 2
    assert len(pd.read_csv(project.folder / "cache/mine/iuv_quality.csv")) == 3
    page = (project.folder / "results/mine/report.html").read_text()
    assert f"<b>{lost}</b> (train, decode): {BROKEN}: the video is truncated" in page and 'id="maps"' in page
    assert run(project, METRICS)[0] == {}

    shutil.copy(project.folder / "whole.mp4", project.folder / BROKEN)
    jobs, shards, _ = run(project, INDEX)
    assert shards == {shard_name(bucket(lost, SHARDS))}
    assert jobs == {"clips": 1, "decode": 1, "densepose": 1, "warp": 1, "index": 1}
    assert (project.folder / "cache/mine/quarantine.csv").read_text() == "clip,split,stage,reason\n"
    assert lost in clips(project, "train")
