"""A small real cache for tests: folders of frames with IUV maps, taken through the stages."""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from PIL import Image
from turning_person import turning_person

from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.shard import bucket, shard_name
from densepose_cache.clips import write_table
from densepose_cache.config import DensePoseSettings, SampleDraw, VideoSettings, WarpSettings
from densepose_cache.iuv import write_iuv_png
from densepose_cache.stages.decode import decode_shard
from densepose_cache.stages.densepose import densepose_shard
from densepose_cache.stages.index import build_index
from densepose_cache.stages.warp import warp_shard
from densepose_cache.storage.digest import file_sha256

SIZE = 64
SHARDS = 2
CLIPS = ("anna", "ben", "carl", "dora")
PRECOMPUTED = DensePoseSettings(backend="precomputed")
WARP = WarpSettings(samples=SampleDraw(epochs=1))


def body_maps(seed: int, frames: int, size: int = SIZE) -> np.ndarray:
    """IUV maps (T, S, S, 3): a walking column of parts with smooth charts."""
    rng = np.random.default_rng(seed)
    parts = rng.permutation(np.arange(1, 25))[:6]
    rows, columns = np.mgrid[:size, :size]
    maps = np.zeros((frames, size, size, 3), np.uint8)
    for time in range(frames):
        left = size // 4 + time % (size // 4)
        body = (columns >= left) & (columns < left + size // 4) & (rows >= 4) & (rows < size - 4)
        part = parts[np.minimum(rows * 6 // size, 5)]
        chart = np.stack([part, rows * 97 // 13 % 256, (columns - left) * 7 % 256], -1)
        maps[time] = np.where(body[..., None], chart, 0)
    return maps


def write_source(folder: Path, name: str, split: str, maps: np.ndarray, side_file: bool = False) -> dict:
    """Frames and IUV maps of one clip below `folder`; returns its row of the clip table."""
    frames, pictures = folder / name / "target", folder / name / "dp_target"
    frames.mkdir(parents=True)
    rng = np.random.default_rng(len(name))
    for time, iuv in enumerate(maps):
        rgb = np.where(iuv[..., :1] > 0, iuv * 7, 200).astype(np.uint8) ^ rng.integers(0, 4, iuv.shape, dtype=np.uint8)
        Image.fromarray(rgb).save(frames / f"frame{time}.png")
    if side_file:
        pictures = folder / name / f"{name}.iuv.h5"
        with h5py.File(pictures, "w") as file:
            file["iuv"] = maps
            file["keypoints"] = np.tile(np.float32([[10, 20, 1]]), (len(maps), 17, 1))
    else:
        pictures.mkdir()
        for time, iuv in enumerate(maps):
            write_iuv_png(pictures / f"frame{time}_IUV.png", iuv)
    return {"clip": name, "split": split, "video": str(frames), "iuv": str(pictures)}


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
