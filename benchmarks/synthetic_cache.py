"""A cache of many small clips: a few rendered people under many names.

The stages work on the few; every other clip is a copy of what they made, with the digests that the stages would give it themselves, so that
a workflow that meets the cache takes it for its own. Only the samples of a copy are those that were drawn for the clip it was copied from.
"""

import json
import os
from pathlib import Path

import h5py
import pandas as pd

from densepose_cache.cache.shard import ShardWriter, bucket, open_shard, shard_name
from densepose_cache.config import DensePoseSettings, SampleDraw, VideoSettings, VideosSource, WarpSettings
from densepose_cache.rendered.write import write_sample
from densepose_cache.stages.clips import build_clip_table
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard
from densepose_cache.stages.warp import warp_shard

SIZE, FRAMES, FPS = 64, 8, 25
PEOPLE = 4
TEST_EVERY = 10
SPLITS = ("train", "test")
SETTINGS = {
    "decode": VideoSettings(size=SIZE),
    "densepose": DensePoseSettings(backend="precomputed"),
    "warp": WarpSettings(samples=SampleDraw(epochs=2)),
}
KINDS = {"frames": "decode", "iuv": "densepose", "warps": "warp"}
"""Folder of shards by the stage that fills it."""


def render_people(people: Path):
    """Render `PEOPLE` videos into the folder `people` and take them through the stages, each once in either split."""
    people = Path(people)
    write_sample(people, train=PEOPLE, test=0, size=SIZE, frames=FRAMES, fps=FPS, workers=1)
    for split in SPLITS:
        for person in range(PEOPLE):
            link_video(people, person, people / split / f"{person}")
    clips, frames, iuv, warps = (people / name for name in ("clips.csv", "frames.h5", "iuv.h5", "warps.h5"))
    build_clip_table(VideosSource(kind="videos", path=str(people)), people, clips, 1)
    decode_shard(clips, frames, SETTINGS["decode"])
    densepose_shard(clips, frames, iuv, SETTINGS["densepose"])
    warp_shard(clips, iuv, warps, SETTINGS["warp"])


def link_video(people: Path, person: int, target: Path):
    """Lay the video of a person and its IUV maps down as `target`.mp4 and `target`.iuv.h5 (hard links), over what may be there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".mp4", ".iuv.h5"):
        place = target.with_name(target.name + suffix)
        place.unlink(missing_ok=True)
        os.link(people / f"sample-train-{person:04d}{suffix}", place)


def link_videos(people: Path, folder: Path, clips: int):
    """Lay `clips` videos into `folder`/train and `folder`/test, every `TEST_EVERY`-th into the second."""
    for number in range(clips):
        link_video(people, number % PEOPLE, Path(folder) / SPLITS[number % TEST_EVERY == 0] / f"{number:07d}")


def write_shards(people: Path, table: pd.DataFrame, folder: Path, shards: int):
    """Write the shards of frames, IUV maps and warp grids of the clips of a clip table into `folder`, clip by clip."""
    people, folder = Path(people), Path(folder)
    members = dict(list(table.groupby(table["clip"].map(lambda clip: bucket(clip, shards)))))
    for kind, stage in KINDS.items():
        with open_shard(people / f"{kind}.h5", stage) as made:
            settings = json.loads(made.attrs["settings"])
            for number in range(shards):
                path = folder / kind / f"{shard_name(number)}.h5"
                with ShardWriter(path, stage, settings) as writer:
                    for row in members.get(number, table[:0]).itertuples(index=False):
                        person = int(row.clip.split("-")[-1]) % PEOPLE
                        _copy(made[f"{row.split}-{person}"], writer, row.clip)


def _copy(made: h5py.Group, writer: ShardWriter, clip: str):
    """Everything of the group `made`, attributes (its digest among them) and compressed bytes, under the name `clip`."""
    group = writer.create(clip, **made.attrs)
    for name in made:
        made.copy(name, group)
