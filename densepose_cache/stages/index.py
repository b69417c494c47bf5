"""The index stage: one file per split of its clips, their training samples and links to the shards; and tables of the samples, of the
quality of the IUV maps, and of the clips in quarantine.

A shard that is as it was when it was indexed before is not read again (see `remembered`).
"""

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import h5py
import numpy as np
import pandas as pd
import typer

from ..cache.columns import smallest
from ..cache.index import COLUMNS as INDEX_COLUMNS
from ..cache.index import write_index
from ..cache.index_memo import ShardFacts, recall, remember, shard_key
from ..cache.quarantine import COLUMNS, TABLE, quarantined
from ..cache.samples import SampleTable
from ..cache.shard import FOLDERS, blamed_on_damage, bucket, clip_group, open_shard, shard_name
from ..clips import Clip, read_clips
from ..core.errors import InputError
from ..core.progress import track
from ..iuv.quality import FIGURES
from ..storage.atomic import room_for, written_whole
from ..storage.digest import digest

SPLITS = ("train", "test")
SAMPLES = "samples.csv"
QUALITY = "iuv_quality.csv"
QUALITY_COLUMNS = ("clip", "split", "frames", "backend", "degraded", *FIGURES)
CLIP_COLUMNS = (*QUALITY_COLUMNS, "shard", "size", "fps", "digest")
NO_SAMPLES = np.zeros((0, 3), np.uint8)
SHOWN = 5
"""Reasons in an error message."""


def build_index(clips_csv: Path, frames: Path, iuv: Path, warps: Path, shards: int, out: Path):
    """Write `train.h5`, `test.h5`, `samples.csv`, `iuv_quality.csv` and `quarantine.csv` into the folder `out`, from the table of all clips
    and the three folders of shards.

    For what the indexes hold see `index_file`; their links are relative to `out`. samples.csv has the rows of train.h5, in the same
    order, for people to read: clip, epoch, source, target. Clips in quarantine stand in quarantine.csv alone, one row each: clip, split,
    stage that found them bad, reason; their number is printed. iuv_quality.csv has one row for every other clip: clip, split, frames,
    backend, degraded, and the quality metrics of `iuv.quality.Quality`. The files depend on their inputs alone, byte for byte.

    Raises InputError if a split has no clip that is not in quarantine, a shard is missing or lacks a clip, or a shard was made from another
    version of the shard before it.
    """
    listed = sorted(read_clips(clips_csv), key=lambda clip: clip.name)
    for split in SPLITS:
        if split not in {clip.split for clip in listed}:
            raise InputError(f"{clips_csv}: no clip is in the split `{split}`; both train and test need one")
    folders, out = {"frames": Path(frames), "iuv": Path(iuv), "warps": Path(warps)}, Path(out)
    found = _collect(listed, folders, shards, out)
    clips = pd.DataFrame([clip for facts in found.values() for clip in facts.clips], columns=CLIP_COLUMNS).sort_values("clip")
    quarantine = pd.DataFrame([row for facts in found.values() for row in facts.quarantine], columns=COLUMNS).sort_values("clip")
    _check(clips, quarantine)
    drawn = {clip: samples for facts in found.values() for clip, samples in facts.samples.items()}
    links = {key: os.path.relpath(path, out) for key, path in folders.items()}
    names = [*(f"{split}.h5" for split in SPLITS), SAMPLES, QUALITY, TABLE]
    with contextlib.ExitStack() as stack:  # renames in the order of `names`, the last one entered first
        temporary = {name: stack.enter_context(written_whole(out / name)) for name in reversed(names)}
        for split in SPLITS:
            part = clips[clips["split"] == split].rename(columns={"clip": "name", "frames": "length"})
            samples = SampleTable.of([drawn.get(clip, NO_SAMPLES) for clip in part["name"]])
            name, columns = f"{split}.h5", part[list(INDEX_COLUMNS)].to_dict("list")
            with room_for(out / name):
                write_index(temporary[name], split, int(part["size"].iloc[0]), columns, samples, links)
            if split == "train":
                with room_for(out / SAMPLES):
                    samples.write_csv(temporary[SAMPLES], part["name"].tolist())
        for name, table, names in ((QUALITY, clips, QUALITY_COLUMNS), (TABLE, quarantine, COLUMNS)):
            with room_for(out / name):
                table.to_csv(temporary[name], columns=list(names), index=False)
    remember(out, found)
    if len(quarantine):
        print(f"warning: {len(quarantine)} of {len(listed)} clips are in quarantine and left out, see {out / TABLE}", file=sys.stderr)


def _check(clips: pd.DataFrame, quarantine: pd.DataFrame):
    """Raise InputError if quarantine leaves a split without a clip, with the reasons, or a split has clips of several sizes."""
    for split in SPLITS:
        sizes = sorted(set(clips.loc[clips["split"] == split, "size"]))
        if not sizes:
            lost = [f"{row.clip} ({row.stage}): {row.reason}" for row in quarantine[quarantine["split"] == split].itertuples()]
            more = f"; and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
            raise InputError(
                f"the split `{split}` has no clip left, all of its {len(lost)} are in quarantine: {'; '.join(lost[:SHOWN])}{more}"
            )
        if len(sizes) > 1:
            raise InputError(f"the clips of split `{split}` have frames of sizes {sizes}; build all shards with one video.size")


def _collect(clips: list[Clip], folders: dict[str, Path], shards: int, out: Path) -> dict[str, ShardFacts]:
    """What the shards hold of the `clips`, by name of the shard; where nothing has changed, what is remembered in `out`.

    Where a shard cannot be read, the others are remembered before InputError is raised.
    """
    known = recall(out)
    members: dict[int, list[Clip]] = {}
    for clip in clips:
        members.setdefault(bucket(clip.name, shards), []).append(clip)
    found: dict[str, ShardFacts] = {}
    try:
        for number, some in track(sorted(members.items()), "index", unit="shards"):
            name = shard_name(number)
            paths = {key: folder / f"{name}.h5" for key, folder in folders.items()}
            key, facts = shard_key(list(paths.values()), [(clip.name, clip.split) for clip in some]), known.get(name)
            found[name] = facts if facts and facts.key == key else _read_shard(ShardFacts(key), number, some, paths)
    except InputError:
        remember(out, known | found)
        raise
    return found


def _read_shard(found: ShardFacts, number: int, clips: list[Clip], paths: dict[str, Path]) -> ShardFacts:
    """Add what the shard of a `number` with the files `paths` holds of its `clips` to what was `found`."""
    with contextlib.ExitStack() as stack:
        files = {key: stack.enter_context(open_shard(paths[key], stage)) for key, stage in FOLDERS.items()}
        for clip in clips:
            groups = {key: clip_group(file, paths[key], FOLDERS[key], clip.name) for key, file in files.items()}
            with blamed_on_damage(*((paths[key], FOLDERS[key], group) for key, group in groups.items())):
                _check_versions(clip.name, groups, paths)
                bad = [(stage, reason) for key, stage in FOLDERS.items() if (reason := quarantined(groups[key]))]
                if bad:
                    found.quarantine.append(dict(zip(COLUMNS, (clip.name, clip.split, *bad[0]), strict=True)))
                    continue
                found.clips.append({"clip": clip.name, "split": clip.split, "shard": number} | _facts(clip.name, groups, paths))
                if clip.split == "train":
                    found.samples[clip.name] = smallest(groups["warps"]["samples"][:])
    return found


def _check_versions(clip: str, groups: dict[str, h5py.Group], paths: dict[str, Path]):
    """Raise InputError if the three groups of a clip do not belong together."""
    for key, before in (("iuv", "frames"), ("warps", "iuv")):
        if groups[key].attrs["made_from"] != groups[before].attrs["digest"]:
            raise InputError(
                f"{paths[key]}: clip {clip} was made from another version of {paths[before]}; run the `{FOLDERS[key]}` stage again"
            )


def _facts(clip: str, groups: dict[str, h5py.Group], paths: dict[str, Path]) -> dict:
    """Length, size, frame rate and digest of a clip, and the quality metrics of its maps; in types of JSON."""
    rgb, iuv, size = groups["frames"]["rgb"], groups["iuv"]["iuv"], groups["warps"].attrs["size"]
    if rgb.shape != iuv.shape or size != rgb.shape[1]:
        raise InputError(
            f"{paths['iuv']}: clip {clip} has frames {rgb.shape}, IUV maps {iuv.shape}, grids of {size} pixels; build the shards again"
        )
    quality = {key: value for key, value in groups["iuv"].attrs.items() if key in QUALITY_COLUMNS}
    return {key: value.item() if hasattr(value, "item") else value for key, value in quality.items()} | {
        "frames": len(rgb),
        "size": rgb.shape[1],
        "fps": float(groups["frames"].attrs["fps"]),
        "digest": digest(*(str(groups[key].attrs["digest"]) for key in FOLDERS)),
    }


def command(
    clips: Annotated[Path, typer.Option(help="Table of all clips; frames/, iuv/ and warps/ lie beside it.")],
    shards: Annotated[int, typer.Option(min=1, help="Number of shards of the data set.")],
):
    """Write train.h5, test.h5, samples.csv, iuv_quality.csv and quarantine.csv beside the clip table."""
    folder = clips.parent
    build_index(clips, folder / "frames", folder / "iuv", folder / "warps", shards, folder)
