"""Whether a shard or an index is what was written, byte for byte as far as it matters."""

from pathlib import Path

import h5py

from .checksum import UNREADABLE, damage
from .config import FORMATS
from .digest import digest
from .errors import InputError
from .shards import FOLDERS, again, open_shard

SHOWN = 5
"""Clips in a message."""


def expected_stage(path: Path) -> str:
    """The stage that writes files of this name."""
    return FOLDERS.get(Path(path).absolute().parent.name, "index")


def clip_names(file: h5py.File, path: Path, clip: str | None) -> list[str]:
    """`clip`, or the names of all clips of the open `file`. Raises InputError, which names `path`, if it has no such clip."""
    if clip is not None and clip not in file:
        raise InputError(f"{path}: holds no clip {clip}; it has {', '.join(sorted(file)[:SHOWN]) or 'none'} ...")
    return sorted(file) if clip is None else [clip]


def verify(path: Path, stage: str, clip: str | None = None) -> int:
    """Compare all checksums of a shard of `stage` (or those of `clip` alone), or the digest of an index; the number of clips.

    Raises InputError, which names the file, its damaged clips and what to do, if anything has changed since the file was written, or it
    lacks the clip.
    """
    with open_shard(path, stage) as file:
        try:
            names = clip_names(file, path, clip)
            found = _index_damage(file) if stage == "index" else _shard_damage(file, names)
            if clip is None and stage != "index" and not found and (reason := damage(file)):
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


def _index_damage(file: h5py.File) -> list[str]:
    """HDF5 has checksums in all of an index but its text; the digests are what matters of that."""
    clips = [[name, file[name].attrs["digest"]] for name in file]
    right = digest("index", FORMATS["index"], file.attrs["split"], clips) == file.attrs["digest"]
    return [] if right else ["its digests"]
