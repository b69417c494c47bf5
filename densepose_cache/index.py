"""The index stage: one file per split that links to every clip's groups in the shards, and the table of training samples."""

import contextlib
import os
from pathlib import Path
from typing import Annotated

import h5py
import pandas as pd
import typer

from .clips import read_table
from .config import FORMATS
from .digest import digest
from .errors import InputError
from .progress import track
from .shards import bucket, open_shard, shard_name
from .whole import written_whole

SPLITS = ("train", "test")
FOLDERS = {"frames": "decode", "iuv": "densepose", "warps": "warp"}
"""Folder of shards, and link in the index, by the stage that writes them, in this order."""


def build_index(clips_csv: Path, frames: Path, iuv: Path, warps: Path, shards: int, out: Path):
    """Write `train.h5`, `test.h5` and `samples.csv` into the folder `out`, from the table of all clips and the three folders of shards.

    `/{clip}/frames`, `/{clip}/iuv` and `/{clip}/warps` are external links, relative to `out`; the clip's attributes are `length` (frames),
    `fps`, `digest` (of all that the shards hold of it). Attributes of the file: `split`, `size` (pixels), `clips` (their number), `digest`.
    The files depend on their inputs alone, byte for byte. Raises InputError if a split has no clip, a shard is missing or lacks a clip, or
    a shard was made from another version of the shard before it.
    """
    rows = sorted(read_table(clips_csv).itertuples(index=False), key=lambda row: row.clip)
    for split in SPLITS:
        if not any(row.split == split for row in rows):
            raise InputError(f"{clips_csv}: no clip is in the split `{split}`; both train and test need one")
    folders = {"frames": Path(frames), "iuv": Path(iuv), "warps": Path(warps)}
    facts, samples = _collect(rows, folders, shards)
    out = Path(out)
    names = [*(f"{split}.h5" for split in SPLITS), "samples.csv"]
    with contextlib.ExitStack() as stack:  # renames in the order of `names`, the last one entered first
        temporary = {name: stack.enter_context(written_whole(out / name)) for name in reversed(names)}
        for split in SPLITS:
            clips = {row.clip: facts[row.clip] for row in rows if row.split == split}
            _write_split(temporary[f"{split}.h5"], split, clips, {key: os.path.relpath(path, out) for key, path in folders.items()})
        pd.concat(samples).to_csv(temporary["samples.csv"], index=False)


def _collect(rows: list, folders: dict[str, Path], shards: int) -> tuple[dict[str, dict], list[pd.DataFrame]]:
    """Facts of every clip and the tables of samples of the training clips."""
    by_shard: dict[str, list] = {}
    for row in rows:
        by_shard.setdefault(shard_name(bucket(row.clip, shards)), []).append(row)
    facts, samples = {}, {}
    for shard, members in track(sorted(by_shard.items()), "index", len(by_shard)):
        with contextlib.ExitStack() as stack:
            paths = {key: folder / f"{shard}.h5" for key, folder in folders.items()}
            files = {key: stack.enter_context(open_shard(paths[key], stage)) for key, stage in FOLDERS.items()}
            for row in members:
                groups = {key: _member(file, row.clip, paths[key], FOLDERS[key]) for key, file in files.items()}
                facts[row.clip] = {"shard": shard, **_facts(row.clip, groups, paths)}
                if row.split == "train":
                    table = pd.DataFrame(groups["warps"]["samples"][:], columns=["epoch", "source", "target"])
                    table.insert(0, "clip", row.clip)
                    samples[row.clip] = table
    return facts, [samples[clip] for clip in sorted(samples)]


def _member(file: h5py.File, clip: str, path: Path, stage: str) -> h5py.Group:
    if clip not in file:
        raise InputError(f"{path}: holds no clip {clip}; run the `{stage}` stage again")
    return file[clip]


def _facts(clip: str, groups: dict[str, h5py.Group], paths: dict[str, Path]) -> dict:
    """Length, size, frame rate and digest of a clip, after a look at whether its three groups belong together."""
    for key, before in (("iuv", "frames"), ("warps", "iuv")):
        if groups[key].attrs["made_from"] != groups[before].attrs["digest"]:
            raise InputError(
                f"{paths[key]}: clip {clip} was made from another version of {paths[before]}; run the `{FOLDERS[key]}` stage again"
            )
    rgb, iuv, grid = groups["frames"]["rgb"], groups["iuv"]["iuv"], groups["warps"]["grid"]
    if rgb.shape != iuv.shape or grid.shape[1:] != rgb.shape[1:3]:
        raise InputError(
            f"{paths['iuv']}: clip {clip} has frames {rgb.shape}, IUV maps {iuv.shape}, grids {grid.shape}; build the shards again"
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
    with h5py.File(path, "w") as file:
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
    """Write train.h5, test.h5 and samples.csv beside the clip table."""
    folder = clips.parent
    build_index(clips, folder / "frames", folder / "iuv", folder / "warps", shards, folder)
