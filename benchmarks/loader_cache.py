"""A cache of 38 shards of 16 training clips at 256x256 (on average: a clip's name chooses its shard): four clips under many names.

The four are windows of the clips fashion/1 and taichi/1 in DWNET_TEST_DATA, so that frames, maps and grids compress as real ones do;
without that variable they are rendered people. They go through the stages; all other clips are copies of their compressed bytes.
"""

import os
from pathlib import Path

import pandas as pd
from synthetic_cache import PEOPLE, SPLITS, write_shards

from densepose_cache.clips import write_table
from densepose_cache.config import DensePoseSettings, VideoSettings, WarpSettings
from densepose_cache.rendered.write import write_sample
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard
from densepose_cache.stages.index import build_index
from densepose_cache.stages.warp import warp_shard
from densepose_cache.storage.digest import file_sha256

SIZE = 256
SHARDS, CLIPS_A_SHARD = 38, 16
REAL = ("fashion/1", "taichi/1")


def people_table(folder: Path, frames: int) -> tuple[pd.DataFrame, str]:
    """Clip table of the four people, each once in either split, and where they are from; rendered ones are written into `folder`."""
    source = os.environ.get("DWNET_TEST_DATA")
    if source:
        people = [_window(Path(source) / "data/ubc_sample" / REAL[k % 2], k // 2 * 150, frames) for k in range(PEOPLE)]
    else:
        write_sample(folder, train=PEOPLE, test=0, size=SIZE, frames=frames, fps=25, workers=1)
        people = [_video(folder / f"sample-train-{k:04d}", frames) for k in range(PEOPLE)]
    rows = [{"clip": f"{split}-{k}", "split": split} | row for split in SPLITS for k, row in enumerate(people)]
    return pd.DataFrame(rows), "fashion/1 and taichi/1" if source else "rendered people"


def _window(clip: Path, first: int, frames: int) -> dict:
    paths = {"video": clip / "target", "iuv": clip / "dp_target"}
    return {key: str(path) for key, path in paths.items()} | _sums(paths) | {"start_frame": first, "end_frame": first + frames}


def _video(stem: Path, frames: int) -> dict:
    paths = {"video": stem.with_name(stem.name + ".mp4"), "iuv": stem.with_name(stem.name + ".iuv.h5")}
    return {key: str(path) for key, path in paths.items()} | _sums(paths) | {"start_frame": 0, "end_frame": frames}


def _sums(paths: dict[str, Path]) -> dict[str, str]:
    return {"sha256": file_sha256(paths["video"]), "iuv_sha256": file_sha256(paths["iuv"])}


def build_cache(folder: Path, frames: int) -> str:
    """Write the cache with clips of `frames` frames into `folder`: `train.h5` and all that it needs. Returns where the
    people are from."""
    people = folder / "people"
    people.mkdir(parents=True)
    table, source = people_table(people, frames)
    clips, rgb, iuv, warps = (people / name for name in ("clips.csv", "frames.h5", "iuv.h5", "warps.h5"))
    write_table(clips, table)
    decode_shard(clips, rgb, VideoSettings(size=SIZE))
    densepose_shard(clips, rgb, iuv, DensePoseSettings(backend="precomputed"))
    warp_shard(clips, iuv, warps, WarpSettings(engine="lattice"))
    rows = [table.iloc[k % PEOPLE].to_dict() | {"clip": f"clip-{k:04d}"} for k in range(SHARDS * CLIPS_A_SHARD)]
    rows.append(table.iloc[PEOPLE].to_dict() | {"clip": "test-0"})
    write_table(folder / "clips.csv", pd.DataFrame(rows))
    write_shards(people, pd.DataFrame(rows), folder, SHARDS)
    build_index(folder / "clips.csv", folder / "frames", folder / "iuv", folder / "warps", SHARDS, folder)
    return source
