"""SHA-256 of videos and folders, remembered between runs."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from ..digest import file_sha256
from ..progress import track
from ..whole import write_text_whole

NAME = ".digests.json"


def digest_files(paths: Iterable[str], folder: Path) -> dict[str, str]:
    """SHA-256 by path of files and folders.

    Digests of files whose size and time of change stand as they were are taken from `.digests.json` in `folder`, which is written anew.
    """
    cache = Path(folder) / NAME
    known = {}
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(cache.read_text())
    found = {}
    for path in track(sorted(set(paths)), "Digests of videos"):
        state = _state(Path(path))
        entry = known.get(path)
        found[path] = entry if entry and entry[:-1] == state else [*state, file_sha256(Path(path))]
    write_text_whole(cache, json.dumps(found))
    return {path: entry[-1] for path, entry in found.items()}


def _state(path: Path) -> list[int]:
    """Number of files, bytes and latest time of change in nanoseconds of a file or folder."""
    members = [p for p in path.iterdir() if p.is_file()] if path.is_dir() else [path]
    stats = [member.stat() for member in members]
    return [len(stats), sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)]
