"""Files that are written whole or not at all: under a temporary name beside the target, renamed when everything is on disk."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def temporary_name(path: Path) -> Path:
    """Hidden name beside `path`, this process's own, in the same folder so that a rename replaces `path` in one step."""
    path = Path(path)
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def flush_to_disk(path: Path):
    """Return when the bytes of the closed file `path` are on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Context manager that gives the temporary name to write to; the file there becomes `path` when the block ends.

    Makes the folder of `path`. An exception inside leaves `path` as it was and no temporary file; it is not caught. The file must be
    closed before the block ends.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        yield temporary
        flush_to_disk(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text_whole(path: Path, text: str):
    """Write `text` to `path` in UTF-8, its line ends as they are, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
