"""The DensePose stage: an IUV map for every decoded frame of a shard."""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from ..clips import read_table
from ..config import FORMATS, DensePoseSettings
from ..digest import digest
from ..errors import InputError
from ..geometry import Geometry
from ..progress import Bar
from ..shards import ShardWriter, open_shard
from .backend import Backend, ClipFrames, make_backend
from .missing import fill_missing


def densepose_shard(clips_csv: Path, frames_shard: Path, out: Path, settings: DensePoseSettings, weights: Path = Path("weights")):
    """Write the IUV shard `out` of the clips in `clips_csv`, whose decoded frames are in `frames_shard`.

    Datasets `iuv` (T, S, S, 3) uint8, `held` (T,) bool and, where the source has exact ones, `keypoints` (T, 17, 3) float32; attributes
    `detection_rate` and `body_share` (mean share of body pixels), both in [0, 1], and `degraded`. `weights` is the folder of published
    weight files. Clips whose frames, maps and settings are unchanged are taken over from the shard before.
    Raises InputError, which names the file or clip, where frames or maps are missing, damaged or do not fit, or nobody was found.
    """
    rows = read_table(clips_csv).itertuples(index=False)
    backend = make_backend(settings, weights)
    with open_shard(frames_shard, "decode") as frames, ShardWriter(out, "densepose", settings.model_dump(mode="json")) as writer:
        work = []
        for row in rows:
            if row.clip not in frames:
                raise InputError(f"{frames_shard}: holds no clip {row.clip}; run the `decode` stage again")
            key = _digest(row, backend, settings, frames[row.clip].attrs["digest"])
            if not writer.keep(row.clip, key):
                work.append((row, key, frames[row.clip]))
        with Bar("IUV maps", sum(len(group["rgb"]) for *_, group in work)) as bar:
            for row, key, group in work:
                _write_clip(writer, row, key, group, backend, settings, bar)


def _degraded(row: NamedTuple, settings: DensePoseSettings) -> bool:
    return settings.degrade == "all" or settings.degrade == row.split


def _digest(row: NamedTuple, backend: Backend, settings: DensePoseSettings, frames_digest: str) -> str:
    policy = [settings.missing, settings.max_missing, _degraded(row, settings)]
    return digest("densepose", FORMATS["densepose"], backend.fingerprint(row), policy, frames_digest)


def _write_clip(
    writer: ShardWriter, row: NamedTuple, key: str, frames: h5py.Group, backend: Backend, settings: DensePoseSettings, bar: Bar
):
    rgb = frames["rgb"]
    clip = ClipFrames(row, rgb, frames["source_frame"][:], Geometry.from_json(frames.attrs["geometry"]))
    maps = _counted(backend.maps(clip), bar, row.clip)
    iuv, held = fill_missing(maps, row.clip, len(rgb), rgb.shape[1], settings.missing, settings.max_missing)
    degraded = _degraded(row, settings)
    if degraded:
        from ..sample.degrade import degrade_iuv

        iuv = degrade_iuv(iuv, np.random.default_rng(int(digest("degrade", row.clip), 16)))
    facts = {"detection_rate": 1 - float(held.mean()), "body_share": float((iuv[..., 0] > 0).mean()), "degraded": degraded}
    group = writer.create(row.clip, key, made_from=frames.attrs["digest"], split=row.split, **facts)
    writer.write(group, "iuv", iuv)
    group.create_dataset("held", data=held)
    keypoints = backend.keypoints(clip)
    if keypoints is not None:
        group.create_dataset("keypoints", data=keypoints.astype(np.float32))


def _counted(maps, bar: Bar, clip: str):
    for found in maps:
        yield found
        bar.advance(text=clip)
