"""Small caches for tests, each of real shards and indexes: one taken through the stages, and a split that is written straight away."""

import contextlib
from pathlib import Path

import numpy as np
import pandas as pd
from people import SIZE, body_maps, draw, turning_person
from source_folders import write_source

from densepose_cache.cache.index import write_index
from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.samples import SampleTable
from densepose_cache.cache.shard import FOLDERS, ShardWriter, bucket, shard_name
from densepose_cache.clips import write_table
from densepose_cache.config import DensePoseSettings, SampleDraw, VideoSettings, WarpSettings
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard
from densepose_cache.stages.index import build_index
from densepose_cache.stages.warp import warp_shard, write_grids
from densepose_cache.storage.digest import digest, file_sha256
from densepose_cache.warp import SourceTrees
from densepose_cache.warp.codec import MapCodes, encode
from densepose_cache.warp.pairs import evaluation_pairs

SHARDS = 2
CLIPS = ("anna", "ben", "carl", "dora")
PRECOMPUTED = DensePoseSettings(backend="precomputed")
WARP = WarpSettings(samples=SampleDraw(epochs=1))


def write_tables(folder: Path, rows: list[dict]):
    """`clips.csv` and `clips/{shard}.csv` in `folder`."""
    for row in rows:
        row["sha256"], row["iuv_sha256"] = file_sha256(Path(row["video"])), file_sha256(Path(row["iuv"])) if row["iuv"] else ""
    for number in range(SHARDS):
        members = [row for row in rows if bucket(row["clip"], SHARDS) == number]
        write_table(folder / "clips" / f"{shard_name(number)}.csv", pd.DataFrame(members, columns=list(rows[0])))
    write_table(folder / "clips.csv", pd.DataFrame(rows))


def build(folder: Path, video=None, densepose=PRECOMPUTED, warp=WARP, workers=1):
    """Run decode, densepose, warp and index in `folder`."""
    for number in range(SHARDS):
        name = shard_name(number)
        table = folder / "clips" / f"{name}.csv"
        decode_shard(table, folder / "frames" / f"{name}.h5", video or VideoSettings(size=SIZE))
        densepose_shard(table, folder / "frames" / f"{name}.h5", folder / "iuv" / f"{name}.h5", densepose)
        warp_shard(table, folder / "iuv" / f"{name}.h5", folder / "warps" / f"{name}.h5", warp, workers)
    build_index(folder / "clips.csv", folder / "frames", folder / "iuv", folder / "warps", SHARDS, folder)


def small_cache(folder: Path, frames: int = 9, size: int = SIZE) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Rows and maps by clip of a cache of three training clips and a test clip, built in `folder`."""
    return _cache(folder, {name: body_maps(seed, frames + seed, size) for seed, name in enumerate(CLIPS)}, size)


def turning_cache(folder: Path, size: int = SIZE) -> tuple[list[dict], dict[str, np.ndarray]]:
    """The same of a rendered person who turns right round, 8 frames that start elsewhere in every clip: parts come and go."""
    maps = np.stack([frame.iuv for frame in turning_person(size)])
    return _cache(folder, {name: np.roll(maps, 3 * number, 0) for number, name in enumerate(CLIPS)}, size)


def _cache(folder: Path, maps: dict[str, np.ndarray], size: int) -> tuple[list[dict], dict[str, np.ndarray]]:
    splits = {"anna": "train", "ben": "train", "carl": "train", "dora": "test"}
    rows = [write_source(folder / "data", name, splits[name], maps[name], side_file=name in ("ben", "dora")) for name in maps]
    write_tables(folder, rows)
    build(folder, VideoSettings(size=size))
    return rows, maps


def read_first(reader: SplitReader) -> tuple[int, int]:
    """Sums of the first frame and the first grid of clip `anna`; another process can import this function."""
    return int(reader.frames("anna", 0).sum()), int(reader.grid("anna", *reader.pairs("anna")[0]).sum())


def write_split(path: Path, lengths: dict[str, int], keypoints: bool = False, poison: bool = False, corner: int = 0) -> Path:
    """Write an index of the test split of drawn figures, and beside it the only shard of each kind; clips of any length.

    With `poison` every real frame but a clip's first is noise. `corner` is the part that the maps show in the four pixels of the top-left
    corner.
    """
    places = {folder: f"{path.stem}-{folder}" for folder in FOLDERS}
    with contextlib.ExitStack() as stack:
        shards = [
            stack.enter_context(ShardWriter(path.with_name(places[folder]) / "000.h5", stage, {})) for folder, stage in FOLDERS.items()
        ]
        for number, (clip, length) in enumerate(lengths.items()):
            frames, maps, warps = (shard.create(clip, digest(clip, length, poison)) for shard in shards)
            rgb, iuv = (np.stack(part) for part in zip(*(draw(number, frame) for frame in range(length)), strict=True))
            iuv[:, :2, :2, 0] = corner
            if poison:
                rgb[1:] = np.random.default_rng(7).integers(0, 256, rgb[1:].shape)
            ShardWriter.write(frames, "rgb", rgb)
            ShardWriter.write(maps, "iuv", iuv)
            if keypoints:
                joints = np.zeros((length, 17, 3), np.float32)
                joints[..., :2], joints[..., 2] = 30, 1
                ShardWriter.table(maps, "keypoints", joints)
            pairs = evaluation_pairs(length)
            trees = {source: SourceTrees(iuv[source]) for source in np.unique(pairs[:, 0])}
            codes = [MapCodes.of(frame) for frame in iuv]
            write_grids(warps, pairs, [encode(trees[i].grids([iuv[j]])[0].index, codes[i], codes[j]) for i, j in pairs])
    names = sorted(lengths)
    columns = {"name": names, "shard": [0] * len(names), "length": [lengths[name] for name in names], "fps": [12.5] * len(names)}
    columns["digest"] = [digest(*[digest(name, lengths[name], poison)] * len(FOLDERS)) for name in names]
    write_index(path, "test", SIZE, columns, SampleTable.of([np.zeros((0, 3), int)] * len(names)), places)
    return path
