"""Files and folders that are written whole or not at all: under a temporary name beside the target, renamed when everything is on disk."""

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..core.errors import InputError
from .lock import alone
from .names import hidden, output_path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_FOLDER = (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG)
REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM, *NO_FOLDER)
TOKEN = secrets.token_hex(4)
"""Tells processes apart that have the same number on different machines."""


def temporary_name(path: Path) -> Path:
    """Hidden name beside `path`, this process's own, in the same folder so that a rename replaces `path` in one step."""
    return hidden(path, f"{os.getpid()}-{TOKEN}.tmp")


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
def only_writer(path: Path, wait: bool = True, folder: bool = False) -> Iterator[None]:
    """Context manager of the one process that writes `path`; others wait until it is done, or get Taken (see `alone`).

    Where `path` is a link its target is meant. Makes the folder of `path`, which goes again if it stays empty, and removes the temporary
    files and folders that killed processes have left there. Raises InputError where `path` is a folder, unless it is to be one (`folder`),
    its own folder cannot be written to, its name is too long or not UTF-8, or the disk is full.
    """
    path = output_path(path)
    with _allowed(path.parent):
        if path.is_dir() and not folder:
            raise InputError(f"{path}: is a folder; name a file to write")
    with _writer(path, wait):
        yield


@contextlib.contextmanager
def _writer(path: Path, wait: bool = True) -> Iterator[None]:
    """`only_writer` of a file or a folder."""
    with contextlib.ExitStack() as stack:
        with room_for(path), _allowed(path.parent):
            if not path.parent.exists():
                stack.callback(_remove_if_empty, path.parent)
            if stack.enter_context(alone(path, wait)):
                _remove_leftovers(path)
        yield


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Context manager that gives the temporary name to write to; the file there becomes `path`, or the target of that link, when the block
    ends.

    One process at a time is inside (see `only_writer`). An exception inside leaves `path` as it was and no temporary file; it is not
    caught. The file must be closed before the block ends. Raises InputError as `only_writer`.
    """
    path = output_path(path)
    temporary = temporary_name(path)
    with only_writer(path):
        try:
            with room_for(path):
                yield temporary
                flush_to_disk(temporary)
                os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Context manager that gives a new folder to write to; it becomes the folder `path` when the block ends, in place of one that is there.

    Otherwise as `written_whole`.
    """
    path = output_path(path)
    temporary = temporary_name(path)
    old = temporary.with_suffix(".old.tmp")
    with _writer(path):
        try:
            with room_for(path):
                temporary.mkdir()
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


@contextlib.contextmanager
def _allowed(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        reason = os.strerror(error.errno).lower()
        advice = "name another folder"
        if error.errno not in NO_FOLDER:
            advice = f"make it writable for you, or {advice} in the section `folders` of the configuration"
        raise InputError(f"{folder}: cannot be written to ({reason}); {advice}") from None


def _remove_if_empty(folder: Path):
    with contextlib.suppress(OSError):
        folder.rmdir()


def _remove_leftovers(path: Path):
    """Remove what killed processes have left of `path`; nobody else is writing it now. What this process writes there stays."""
    names = re.compile(re.escape(hidden(path, "").name) + r"\d+-[0-9a-f]{8}(\.old)?\.tmp")
    own = temporary_name(path).name.removesuffix("tmp")
    with os.scandir(path.parent) as entries:
        left = [path.with_name(each.name) for each in entries if names.fullmatch(each.name) and not each.name.startswith(own)]
    for each in left:
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        else:
            each.unlink(missing_ok=True)


def write_text_whole(path: Path, text: str):
    """Write `text` to `path` in UTF-8, its line ends as they are, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
