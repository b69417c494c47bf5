"""Content digests: SHA-256 of files, folders and JSON values."""

import fnmatch
import hashlib
import json
from pathlib import Path

from .listing import walk
from .names import check_name


def canonical_json(value) -> str:
    """JSON text of `value` with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*values) -> str:
    """64 hexadecimal digits: SHA-256 of the canonical JSON of `values`."""
    return hashlib.sha256(canonical_json(values).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, or of the names and bytes of all files of a folder (not its subfolders).

    Raises InputError for a name that is not UTF-8.
    """
    path = Path(path)
    if path.is_dir():
        members = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
        for member in members:
            check_name(member)
        return digest([[p.name, file_sha256(p)] for p in members])
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_state(path: Path) -> list[int]:
    """Size in bytes and time of change in nanoseconds of a file: another one in its place has others. Cheap: no content is read."""
    stat = Path(path).stat()
    return [stat.st_size, stat.st_mtime_ns]


def listing_digest(path: Path, pattern: str = "*") -> str:
    """Digest of the relative names, sizes and modification times of the files under `path` whose names match `pattern` (or of one file).

    Links are followed, hidden files and folders passed over. Cheap: no content is read. Raises InputError as `walk`.
    """
    path = Path(path)
    below = (Path(place, name) for place, _, files in walk(path) for name in files if fnmatch.fnmatch(name, pattern))
    found = sorted(below) if path.is_dir() else [path]
    facts = [(p, p.stat()) for p in found if p.is_file() and not p.name.startswith(".")]
    return digest([[str(p.relative_to(path)), stat.st_size, stat.st_mtime_ns] for p, stat in facts])
