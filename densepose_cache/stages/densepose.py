"""The DensePose stage: an IUV map for every decoded frame of a shard."""

import contextlib
from pathlib import Path
from typing import Annotated, NamedTuple

import h5py
import numpy as np
import typer

from ..cache.quarantine import Quarantine, handed_on
from ..cache.shard import ShardWriter, blamed_on_damage, check_clip, clip_group, open_shard
from ..cache.stack import Stack
from ..clips import Clip, read_clips
from ..config import FORMATS, DensePoseSettings
from ..config.base import read_settings
from ..core.geometry import Geometry
from ..core.progress import Bar
from ..densepose.backend import Backend, ClipFrames
from ..densepose.backends.build import make_backend
from ..densepose.backends.precomputed import Precomputed
from ..densepose.missing import fill_missing
from ..iuv.quality import measure
from ..storage.digest import canonical_json, digest


def densepose_shard(clips_csv: Path, frames_shard: Path, out: Path, settings: DensePoseSettings, weights: Path = Path("weights")):
    """Write the IUV shard `out` of the clips in `clips_csv`, whose decoded frames are in `frames_shard`.

    Datasets `iuv` (T, S, S, 3) uint8, `held` (T,) bool and, where the source has exact ones, `keypoints` (T, 17, 3) float32; attributes
    `backend` (which one made the maps), `detector` (JSON: the backend's fingerprint), `degraded`, and the quality metrics of
    `iuv.quality.Quality` that are known: where a network makes the maps although some lie beside the video, those measure it. `weights` is
    the folder of published weight files. Clips whose frames, maps and settings are unchanged are taken over from the shard before. A bad
    clip is one whose maps are missing in its row of the table, damaged or do not fit its frames, or on which too many frames show nobody:
    it goes into quarantine if the settings say so; one that is in quarantine already stays there.
    Raises InputError, which names the file or clip, for a bad clip otherwise, and where files or the detector are missing or damaged.
    """
    clips = read_clips(clips_csv)
    backend = make_backend(settings, weights)
    with open_shard(frames_shard, "decode") as frames, ShardWriter(out, "densepose", settings.decisive()) as writer:
        quarantine = Quarantine(writer, settings.bad_clips, "densepose.bad_clips")
        work = []
        for clip in clips:
            group = clip_group(frames, frames_shard, "decode", clip.name)
            with blamed_on_damage((frames_shard, "decode", group)):
                if handed_on(writer, clip.name, group, clip.split):
                    continue
                pending = _pending(clip, group, backend, settings)
            if not any(quarantine.keep(clip.name, key) for key in (pending.key, went_back(pending.key))):
                work.append(pending)
        with Bar("IUV maps", sum(len(pending.frames["rgb"]) for pending in work), unit="frames", clips=len(work)) as bar:
            for pending in work:
                check_clip(frames_shard, "decode", pending.frames)
                with bar.clip(len(pending.frames["rgb"])), quarantine.guard(pending.clip.name, pending.key, **pending.facts):
                    _write_clip(writer, pending, backend, settings, bar)


class PendingClip(NamedTuple):
    """A clip whose maps are to be made, with its digest, group of the frames' shard, first attributes, and the reader of other
    maps that measure them."""

    clip: Clip
    key: str
    frames: h5py.Group
    facts: dict
    reference: Precomputed | None


def _pending(clip: Clip, frames: h5py.Group, backend: Backend, settings: DensePoseSettings) -> PendingClip:
    fingerprint, source = backend.fingerprint(clip), frames.attrs["digest"]
    policy = [settings.missing, settings.max_missing, _degraded(clip, settings)]
    reference = Precomputed(settings.png_order) if clip.iuv and backend.name != Precomputed.name else None
    compared = [reference.fingerprint(clip)] if reference else []
    key = digest("densepose", FORMATS["densepose"], fingerprint, policy, source, *compared)
    facts = {"made_from": source, "split": clip.split, "backend": backend.name, "detector": canonical_json(fingerprint)}
    return PendingClip(clip, key, frames, facts, reference)


def went_back(key: str) -> str:
    """Digest of a clip in which the choice of the person went back from a stranger; of any other one it would be `key`.

    Earlier versions never went back: what they made of such a clip is something else, all other maps are the same.
    """
    return digest("went back", key)


def _degraded(clip: Clip, settings: DensePoseSettings) -> bool:
    return settings.degrade == "all" or settings.degrade == clip.split


def _write_clip(writer: ShardWriter, pending: PendingClip, backend: Backend, settings: DensePoseSettings, bar: Bar):
    rgb, name, degraded = Stack(pending.frames["rgb"]), pending.clip.name, _degraded(pending.clip, settings)
    decoded = ClipFrames(pending.clip, rgb, pending.frames["source_frame"][:], Geometry.from_json(pending.frames.attrs["geometry"]))
    with contextlib.closing(backend.maps(decoded)) as found:
        maps = fill_missing(_counted(found, bar, name), name, len(rgb), rgb.shape[1], settings.missing, settings.max_missing)
    if degraded:
        from ..iuv.degrade import degrade_iuv

        maps = maps._replace(iuv=degrade_iuv(maps.iuv, np.random.default_rng(int(digest("degrade", name), 16))))
    reference = _whole_maps(pending.reference, decoded) if pending.reference else None
    key = went_back(pending.key) if maps.went_back else pending.key
    group = writer.create(name, key, degraded=degraded, **pending.facts, **measure(maps, reference).known())
    writer.write(group, "iuv", maps.iuv)
    writer.table(group, "held", maps.held)
    keypoints = (pending.reference or backend).keypoints(decoded)
    if keypoints is not None:
        writer.table(group, "keypoints", keypoints.astype(np.float32))


def _whole_maps(backend: Backend, decoded: ClipFrames) -> np.ndarray:
    """(T, S, S, 3) uint8 of all frames, 0 on those without anybody."""
    maps = np.zeros(decoded.rgb.shape, np.uint8)
    with contextlib.closing(backend.maps(decoded)) as found:
        for time, one in enumerate(found):
            if one.iuv is not None:
                maps[time] = one.iuv
    return maps


def _counted(maps, bar: Bar, clip: str):
    for found in maps:
        yield found
        bar.advance(text=clip)


def command(
    clips: Annotated[Path, typer.Option(help="Clip table of the shard, as `clips` writes it.")],
    frames: Annotated[Path, typer.Option(help="Shard of decoded frames, frames/{shard}.h5.")],
    out: Annotated[Path, typer.Option(help="Shard of IUV maps to write, iuv/{shard}.h5.")],
    settings: Annotated[str | None, typer.Option(help="DensePose settings: JSON text, or the path of a JSON or YAML file.")] = None,
    weights: Annotated[Path, typer.Option(help="Folder of published weight files.")] = Path("weights"),
):
    """Get an IUV map for every decoded frame of a shard: from files, or from a DensePose R-CNN.

    Example: densepose-cache densepose --clips cache/mine/clips/000.csv --frames cache/mine/frames/000.h5 --out cache/mine/iuv/000.h5
    --settings '{"backend": "precomputed"}'
    """
    densepose_shard(clips, frames, out, read_settings(DensePoseSettings, settings), weights)
