"""Files and folders that are written whole or not at all: under a temporary name beside the target, renamed when everything is on disk."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .errors import InputError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def temporary_name(path: Path) -> Path:
    """Hidden name beside `path`, this process's own, in the same folder so that a rename replaces `path` in one step."""
    path = Path(path)
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def flush_to_disk(path: Path):
    """Return when the bytes of the closed file `path` are on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextlib.contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Context manager that writes to `path`: raises InputError, which names it, where the disk or a quota is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        reason = os.strerror(error.errno).lower()
        raise InputError(f"{path}: cannot be written ({reason}); make room there and run the same command again") from None


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Context manager that gives the temporary name to write to; the file there becomes `path` when the block ends.

    Makes the folder of `path`. An exception inside leaves `path` as it was and no temporary file; it is not caught. The file must be
    closed before the block ends. Raises InputError where the disk is full.
    """
    path = Path(path)
    temporary = temporary_name(path)
    try:
        with room_for(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            flush_to_disk(temporary)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Context manager that gives a new folder to write to; it becomes the folder `path` when the block ends, in place of one that is there.

    Makes the folder above `path`. An exception inside leaves `path` as it was and no temporary folder; it is not caught.
    """
    path = Path(path)
    temporary = temporary_name(path)
    old = temporary.with_suffix(".old")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for file in temporary.rglob("*"):
            if file.is_file():
                flush_to_disk(file)
        if path.exists():
            os.replace(path, old)
        os.replace(temporary, path)
    finally:
        for left in (temporary, old):
            shutil.rmtree(left, ignore_errors=True)


def write_text_whole(path: Path, text: str):
    """Write `text` to `path` in UTF-8, its line ends as they are, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
