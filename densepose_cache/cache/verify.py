"""Whether a shard or an index is what was written, byte for byte as far as it matters."""

from pathlib import Path

import h5py

from ..core.errors import InputError
from ..storage.checksum import UNREADABLE, damage
from .index import check_links, read_index, read_samples
from .shard import FOLDERS, again, open_shard

SHOWN = 5
"""Clips in a message."""


def expected_stage(path: Path) -> str:
    """The stage that writes files of this name."""
    return FOLDERS.get(Path(path).absolute().parent.name, "index")


def chosen(names: list[str], path: Path, clip: str | None) -> list[str]:
    """`clip`, or all `names` of clips that the file `path` has. Raises InputError, which names `path`, if it has no such clip."""
    if clip is not None and clip not in names:
        raise InputError(f"{path}: holds no clip {clip}; it has {', '.join(names[:SHOWN]) or 'none'} ...")
    return names if clip is None else [clip]


def verify(path: Path, stage: str, clip: str | None = None) -> int:
    """Compare all checksums of a shard of `stage` (or those of `clip` alone), or all of an index; the number of clips.

    Raises InputError, which names the file, its damaged clips and what to do, if anything has changed since the file was written, or it
    lacks the clip.
    """
    if stage == "index":
        index = read_index(path)
        read_samples(path)
        check_links(path, index)
        return len(chosen(index.names, path, clip))
    with open_shard(path, stage) as file:
        try:
            names = chosen(sorted(file), path, clip)
            found = _shard_damage(file, names)
            if clip is None and not found and (reason := damage(file)):
                found = [f"the file itself ({reason})"]
        except UNREADABLE as error:
            found = [f"the file itself (it cannot be read: {error})"]
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise InputError(f"{path}: damaged are {', '.join(found[:SHOWN])}{more}; {again(path, stage)}")
    return len(names)


def _shard_damage(file: h5py.File, names: list[str]) -> list[str]:
    return [f"clip {name} ({reason})" for name in names if (reason := _clip_damage(file, name))]


def _clip_damage(file: h5py.File, name: str) -> str | None:
    try:
        return damage(file[name])
    except UNREADABLE as error:
        return f"it cannot be read: {error}"
