"""The subcommand `inspect`: what a shard or an index holds, as text and as a picture, and whether it is undamaged."""

import json
import os
from pathlib import Path
from typing import Annotated

import h5py
import hdf5plugin  # noqa: F401 - registers its filters with HDF5
import numpy as np
import typer
from PIL import Image

from ..cache.index import Index, linked, read_index
from ..cache.quarantine import TABLE, quarantined, read_quarantine
from ..cache.reader import SplitReader
from ..cache.shard import FOLDERS, mending, open_shard, what_it_is
from ..cache.verify import chosen, expected_stage, verify
from ..core.errors import InputError
from ..iuv import PARTS
from ..storage.atomic import written_whole
from ..storage.checksum import UNREADABLE
from ..warp import visible_pixels

COLUMNS = 6
"""Driving frames on a picture."""
UNSEEN = 128
"""Grey of pixels without a correspondence."""


def describe(path: Path, clip: str | None = None) -> str:
    """Text about a shard or an index: stage, format, settings, tools, and for every clip (or for `clip`) its datasets and digest.

    Raises InputError if the file is missing, no file of the cache, of another format version, or lacks the clip.
    """
    path, stage = Path(path), _stage(path)
    with open_shard(path, stage) as file:
        index = read_index(path) if stage == "index" else None
        names = index.names if index else sorted(file)
        lines = [f"{path}: stage {stage}, format {file.attrs['format']}, {len(names)} clips"]
        lines += _left_out(path, file)
        lines += [f"  {key}: {_short(value)}" for key, value in sorted(file.attrs.items()) if key not in ("stage", "format", "clips")]
        for name in chosen(names, path, clip):
            lines.append(name)
            lines += [f"  {line}" for line in (_linked(path, file, index, name) if index else _members(file[name]))]
    return "\n".join(lines)


def _left_out(path: Path, file: h5py.File) -> list[str]:
    """Lines about the clips in quarantine: of a shard how many it holds, of an index each with stage and reason."""
    if file.attrs["stage"] != "index":
        count = sum(quarantined(group) is not None for group in file.values())
        return [f"  {count} of them in quarantine"] if count else []
    if not path.with_name(TABLE).is_file():
        return []
    rows = read_quarantine(path.with_name(TABLE))
    rows = rows[rows["split"] == file.attrs["split"]]
    return [f"  in quarantine: {row.clip} ({row.stage}): {row.reason}" for row in rows.itertuples()]


def _stage(path: Path) -> str:
    """Stage of the file; where it cannot be read, the one that its name speaks of, for `open_shard` to refuse it."""
    path, expected = Path(path), expected_stage(path)
    if path.is_file() and h5py.is_hdf5(path):
        try:
            with h5py.File(path, "r") as file:
                stage, what = file.attrs.get("stage"), what_it_is(file)
        except UNREADABLE:
            return expected
        if stage not in (*FOLDERS.values(), "index"):
            raise InputError(f"{path}: is no shard and no index of the cache, it {what}; {mending(path, expected, stage)}")
        return stage
    return expected


def _members(group: h5py.Group) -> list[str]:
    """Lines about a clip of a shard."""
    lines = [f"{key}: {_short(value)}" for key, value in sorted(group.attrs.items())]
    for key, data in sorted(group.items()):
        what, count = ("grid", len(group["pairs"])) if key == "grid" else ("frame", len(data))
        stored = f"{key} {data.shape} {data.dtype}: {data.id.get_storage_size() / max(count, 1):,.0f} bytes a {what}"
        lines.append(stored if key == "grid" else f"{stored}, {data.nbytes / max(count, 1):,.0f} unpacked")
    return lines


def _linked(path: Path, file: h5py.File, index: Index, clip: str) -> list[str]:
    """Lines about a clip of an index."""
    number = index.number(clip)
    lines = [f"digest: {index.digests[number].decode()[:16]}", f"fps: {index.fps[number]}", f"length: {index.length[number]}"]
    for folder in FOLDERS:
        shard = linked(file, folder, index.shard[number])
        lines.append(f"{folder} -> {os.path.relpath(shard, path.parent)}{'' if shard.is_file() else ' (missing)'}")
    return lines


def _short(value) -> str:
    text = str(value)
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value[:16]
    if isinstance(value, str) and value.startswith("{"):
        return ", ".join(f"{key}={item}" for key, item in json.loads(value).items())
    return text


def iuv_colours(iuv: np.ndarray) -> np.ndarray:
    """An IUV map (H, W, 3) uint8 as a picture (H, W, 3) uint8: red tells the part, green U and blue V; black is background."""
    return np.concatenate([iuv[..., :1] * (255 // PARTS), iuv[..., 1:]], axis=-1)


def picture(index: Path, clip: str | None = None) -> np.ndarray:
    """Picture (rows, columns, 3) uint8 of a clip (the first one by default) of an index.

    Columns are pairs that are evenly spread over the clip's grids; rows are source frame, source IUV map, driving IUV map, source frame
    warped by the coarse grid (grey where nothing corresponds), driving frame. Raises InputError where the cache cannot be read.
    """
    with SplitReader(index) as reader:
        clip = reader.clips[0] if clip is None else clip
        pairs = reader.pairs(clip)
        columns = []
        for source, driving in pairs[np.linspace(0, len(pairs) - 1, min(COLUMNS, len(pairs))).astype(int)]:
            frame, source_iuv, driving_iuv = reader.frames(clip, source), reader.iuv(clip, source), reader.iuv(clip, driving)
            warped = frame.reshape(-1, 3)[reader.grid(clip, source, driving)]
            warped = np.where(visible_pixels(source_iuv, driving_iuv)[..., None], warped, UNSEEN).astype(np.uint8)
            columns.append([frame, iuv_colours(source_iuv), iuv_colours(driving_iuv), warped, reader.frames(clip, driving)])
    return np.concatenate([np.concatenate(column, axis=0) for column in columns], axis=1)


def command(
    path: Annotated[Path, typer.Argument(help="A shard (frames/, iuv/, warps/) or an index (train.h5, test.h5).")],
    clip: Annotated[str | None, typer.Option(help="Only this clip.")] = None,
    png: Annotated[Path | None, typer.Option(help="Draw the clip (by default the first) of an index to this PNG.")] = None,
):
    """Print what a shard or an index holds, and compare its checksums; draw frames, IUV maps and warped frames of a clip.

    Example: densepose-cache inspect cache/sample/test.h5 --clip sample-test-0000 --png clip.png
    """
    if png is not None and png.suffix.lower() != ".png":
        raise InputError(f"{png}: does not end in .png; name such a file with --png")
    stage = _stage(path)
    clips = verify(path, stage, clip)
    typer.echo(describe(path, clip))
    typer.echo(f"undamaged: {clips} {'clip' if clips == 1 else 'clips'}")
    if png is not None:
        if stage != "index":
            raise InputError(f"{path}: is a shard; --png needs an index (train.h5 or test.h5), which knows frames, maps and grids")
        with written_whole(png) as temporary:
            Image.fromarray(picture(path, clip)).save(temporary, format="PNG")
        typer.echo(f"{png}: source frame, source IUV, driving IUV, warped source, driving frame, from top to bottom")
