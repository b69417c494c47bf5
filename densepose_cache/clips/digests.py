"""SHA-256 of videos and folders, remembered between runs."""

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path

from ..core.progress import track
from ..storage.atomic import write_text_whole
from ..storage.digest import file_sha256, file_state, listing_digest

NAME = ".digests.json"


def digest_files(paths: Iterable[str], folder: Path) -> dict[str, str]:
    """SHA-256 by path of files and folders.

    Digests of files whose size and time of change stand as they were are taken from `.digests.json` in `folder`, which is written anew.
    """
    found = _looked_at(paths, _remembered(folder))
    write_text_whole(Path(folder) / NAME, json.dumps(found))
    return {path: entry[-1] for path, entry in found.items()}


def current_digests(paths: Iterable[str], folder: Path, read_all: bool) -> dict[str, str]:
    """As `digest_files`, and nothing is written; with `read_all` nothing is taken from memory."""
    return {path: entry[-1] for path, entry in _looked_at(paths, {} if read_all else _remembered(folder)).items()}


def _remembered(folder: Path) -> dict[str, list]:
    with contextlib.suppress(OSError, ValueError):
        return json.loads((Path(folder) / NAME).read_text())
    return {}


def _looked_at(paths: Iterable[str], known: dict[str, list]) -> dict[str, list]:
    """State and SHA-256 of files and folders by path; only what is not `known` in that state is read."""
    found = {}
    for path in track(sorted(set(paths)), "Digests of videos", unit="files"):
        state = _state(Path(path))
        entry = known.get(path)
        found[path] = entry if entry and entry[:-1] == state else [*state, file_sha256(Path(path))]
    return found


def _state(path: Path) -> list:
    """Size and time of change in nanoseconds of a file; names, sizes and times of a folder's files."""
    if path.is_dir():
        return [listing_digest(path)]
    return file_state(path)
