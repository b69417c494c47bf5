"""The index stage: one file per split that links to every clip's groups in the shards, and tables of the training samples, of the quality
of the IUV maps, and of the clips in quarantine."""

import contextlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import h5py
import pandas as pd
import typer

from .clips import read_table
from .config import FORMATS
from .densepose.quality import FIGURES
from .digest import digest
from .errors import InputError
from .progress import track
from .quarantine import COLUMNS, TABLE, quarantined
from .shards import FOLDERS, LAYOUT, blamed_on_damage, bucket, clip_group, open_shard, shard_name
from .whole import written_whole

SPLITS = ("train", "test")
QUALITY = "iuv_quality.csv"
QUALITY_COLUMNS = ("clip", "split", "frames", "backend", "degraded", *FIGURES)
SHOWN = 5
"""Reasons in an error message."""


@dataclass
class Found:
    """What the shards hold: by clip, its facts and its table of samples (training clips); rows of the tables of quality and quarantine."""

    facts: dict[str, dict] = field(default_factory=dict)
    samples: dict[str, pd.DataFrame] = field(default_factory=dict)
    quality: list[dict] = field(default_factory=list)
    quarantine: list[dict] = field(default_factory=list)


def build_index(clips_csv: Path, frames: Path, iuv: Path, warps: Path, shards: int, out: Path):
    """Write `train.h5`, `test.h5`, `samples.csv`, `iuv_quality.csv` and `quarantine.csv` into the folder `out`, from the table of all clips
    and the three folders of shards.

    `/{clip}/frames`, `/{clip}/iuv` and `/{clip}/warps` are external links, relative to `out`; the clip's attributes are `length` (frames),
    `fps`, `digest` (of all that the shards hold of it). Attributes of the file: `split`, `size` (pixels), `clips` (their number), `digest`.
    Clips in quarantine stand in quarantine.csv alone, one row each: clip, split, stage that found them bad, reason; their number is
    printed. iuv_quality.csv has one row for every other clip: clip, split, frames, backend, degraded, and the figures of
    `densepose.quality.Quality`. The files depend on their inputs alone, byte for byte.

    Raises InputError if a split has no clip that is not in quarantine, a shard is missing or lacks a clip, or a shard was made from another
    version of the shard before it.
    """
    rows = sorted(read_table(clips_csv).itertuples(index=False), key=lambda row: row.clip)
    for split in SPLITS:
        if not any(row.split == split for row in rows):
            raise InputError(f"{clips_csv}: no clip is in the split `{split}`; both train and test need one")
    folders = {"frames": Path(frames), "iuv": Path(iuv), "warps": Path(warps)}
    found, out = _collect(rows, folders, shards), Path(out)
    _check_quarantine(found, rows)
    tables = {
        "samples.csv": pd.concat(found.samples[clip] for clip in sorted(found.samples)),
        QUALITY: pd.DataFrame(found.quality, columns=QUALITY_COLUMNS).sort_values("clip"),
        TABLE: pd.DataFrame(found.quarantine, columns=COLUMNS).sort_values("clip"),
    }
    names = [*(f"{split}.h5" for split in SPLITS), *tables]
    with contextlib.ExitStack() as stack:  # renames in the order of `names`, the last one entered first
        temporary = {name: stack.enter_context(written_whole(out / name)) for name in reversed(names)}
        for split in SPLITS:
            clips = {row.clip: found.facts[row.clip] for row in rows if row.split == split and row.clip in found.facts}
            _write_split(temporary[f"{split}.h5"], split, clips, {key: os.path.relpath(path, out) for key, path in folders.items()})
        for name, table in tables.items():
            table.to_csv(temporary[name], index=False)
    if found.quarantine:
        print(f"warning: {len(found.quarantine)} of {len(rows)} clips are in quarantine and left out, see {out / TABLE}", file=sys.stderr)


def _check_quarantine(found: Found, rows: list):
    """Raise InputError, with the reasons, if quarantine leaves a split without a clip."""
    for split in SPLITS:
        if any(row.split == split and row.clip in found.facts for row in rows):
            continue
        lost = [f"{row['clip']} ({row['stage']}): {row['reason']}" for row in found.quarantine if row["split"] == split]
        more = f"; and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        raise InputError(f"the split `{split}` has no clip left, all of its {len(lost)} are in quarantine: {'; '.join(lost[:SHOWN])}{more}")


def _collect(rows: list, folders: dict[str, Path], shards: int) -> Found:
    by_shard: dict[str, list] = {}
    for row in rows:
        by_shard.setdefault(shard_name(bucket(row.clip, shards)), []).append(row)
    found = Found()
    for shard, members in track(sorted(by_shard.items()), "index", len(by_shard)):
        with contextlib.ExitStack() as stack:
            paths = {key: folder / f"{shard}.h5" for key, folder in folders.items()}
            files = {key: stack.enter_context(open_shard(paths[key], stage)) for key, stage in FOLDERS.items()}
            for row in members:
                groups = {key: clip_group(file, paths[key], FOLDERS[key], row.clip) for key, file in files.items()}
                with blamed_on_damage(*((paths[key], FOLDERS[key], group) for key, group in groups.items())):
                    _add(found, row, shard, groups, paths)
    return found


def _add(found: Found, row, shard: str, groups: dict[str, h5py.Group], paths: dict[str, Path]):
    """Add the clip of a row of the clip table to what was `found`."""
    _check_versions(row.clip, groups, paths)
    for key, stage in FOLDERS.items():
        if reason := quarantined(groups[key]):
            found.quarantine.append(dict(zip(COLUMNS, (row.clip, row.split, stage, reason), strict=True)))
            return
    facts = {"shard": shard, **_facts(row.clip, groups, paths)}
    found.facts[row.clip] = facts
    attributes = {key: value for key, value in groups["iuv"].attrs.items() if key in QUALITY_COLUMNS}
    found.quality.append(attributes | {"clip": row.clip, "split": row.split, "frames": facts["length"]})
    if row.split == "train":
        found.samples[row.clip] = pd.DataFrame(groups["warps"]["samples"][:], columns=["epoch", "source", "target"])
        found.samples[row.clip].insert(0, "clip", row.clip)


def _check_versions(clip: str, groups: dict[str, h5py.Group], paths: dict[str, Path]):
    """Raise InputError if the three groups of a clip do not belong together."""
    for key, before in (("iuv", "frames"), ("warps", "iuv")):
        if groups[key].attrs["made_from"] != groups[before].attrs["digest"]:
            raise InputError(
                f"{paths[key]}: clip {clip} was made from another version of {paths[before]}; run the `{FOLDERS[key]}` stage again"
            )


def _facts(clip: str, groups: dict[str, h5py.Group], paths: dict[str, Path]) -> dict:
    """Length, size, frame rate and digest of a clip."""
    rgb, iuv, size = groups["frames"]["rgb"], groups["iuv"]["iuv"], groups["warps"].attrs["size"]
    if rgb.shape != iuv.shape or size != rgb.shape[1]:
        raise InputError(
            f"{paths['iuv']}: clip {clip} has frames {rgb.shape}, IUV maps {iuv.shape}, grids of {size} pixels; build the shards again"
        )
    return {
        "length": len(rgb),
        "size": rgb.shape[1],
        "fps": float(groups["frames"].attrs["fps"]),
        "digest": digest(*(str(groups[key].attrs["digest"]) for key in FOLDERS)),
    }


def _write_split(path: Path, split: str, clips: dict[str, dict], folders: dict[str, str]):
    sizes = {fact["size"] for fact in clips.values()}
    if len(sizes) > 1:
        raise InputError(f"the clips of split `{split}` have frames of sizes {sorted(sizes)}; build all shards with one video.size")
    with h5py.File(path, "w", libver=LAYOUT) as file:
        file.attrs["stage"] = "index"
        file.attrs["format"] = FORMATS["index"]
        file.attrs["split"] = split
        file.attrs["size"] = sizes.pop()
        file.attrs["clips"] = len(clips)
        file.attrs["digest"] = digest("index", FORMATS["index"], split, [[clip, fact["digest"]] for clip, fact in clips.items()])
        for clip, fact in clips.items():
            group = file.create_group(clip)
            group.attrs.update({key: fact[key] for key in ("length", "fps", "digest")})
            for key, folder in folders.items():
                group[key] = h5py.ExternalLink(f"{folder}/{fact['shard']}.h5", f"/{clip}")


def command(
    clips: Annotated[Path, typer.Option(help="Table of all clips; frames/, iuv/ and warps/ lie beside it.")],
    shards: Annotated[int, typer.Option(min=1, help="Number of shards of the data set.")],
):
    """Write train.h5, test.h5, samples.csv, iuv_quality.csv and quarantine.csv beside the clip table."""
    folder = clips.parent
    build_index(clips, folder / "frames", folder / "iuv", folder / "warps", shards, folder)
