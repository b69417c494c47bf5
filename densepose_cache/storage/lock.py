"""One process at a time at a file: advisory locks, which the system gives up when their process dies, however it dies.

They are POSIX's record locks: network file systems know them, and processes that are started inside do not hold them (see `lent`),
however they are started. The package filelock has `flock`, which every copy of the open file holds: a child that a library has forked would
keep the lock of a parent that was killed.
"""

import contextlib
import errno
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from .names import hidden

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems without locks say."""
FOLDER_TRIES = 100
"""How often a folder is made that others remove again, until it counts as one that takes no files (as /proc is)."""
_own: dict[str, bool] = {}
"""The locks that this process has asked for or been lent, by path, and whether it holds them."""


class Taken(Exception):
    """Another process is there. The message says which."""


@contextlib.contextmanager
def alone(path: Path, wait: bool = True) -> Iterator[bool]:
    """Context manager that holds an exclusive lock on `path`, for any process, in any working folder, on any machine.

    Waits for one that is there, and says so; with `wait` False raises Taken instead. The lock is the hidden file `.{name}.lock` beside
    `path`, whose folder is made; it is removed at the end. This process may ask for the same path again inside. Gives False where the
    file system has no locks: then nothing keeps others away. Raises OSError where the file cannot be made.
    """
    lock = hidden(path, "lock")
    key = os.path.realpath(lock)
    if key in _own:
        yield _own[key]
        return
    file = _locked(lock, path, wait)
    _own[key] = file is not None
    try:
        yield _own[key]
    finally:
        del _own[key]
        if file is not None:
            lock.unlink(missing_ok=True)
            os.close(file)


@contextlib.contextmanager
def lent(path: Path) -> Iterator[None]:
    """Context manager of a process that works for its parent, which is `alone` at `path` as long as this process lives: it may ask for the
    same path without waiting."""
    key = os.path.realpath(hidden(path, "lock"))
    _own[key] = False
    try:
        yield
    finally:
        del _own[key]


def _locked(lock: Path, path: Path, wait: bool) -> int | None:
    """An open file that holds the lock; None where the file system has none. Its holder removes the file before it lets go, so a lock
    that was waited for may be that of a file that is no more."""
    missing = 0
    while True:
        try:
            file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            missing += 1
            if missing > FOLDER_TRIES:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(lock)) from None
            lock.parent.mkdir(parents=True, exist_ok=True)
            continue
        try:
            if not _lock(file, path, wait):
                os.close(file)
                return None
            if _stands(file, lock):
                _sign(file)
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _lock(file: int, path: Path, wait: bool) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        holder = os.pread(file, 300, 0).decode(errors="replace") or "another process"
        if not wait:
            raise Taken(holder) from None
        print(f"waiting for {holder}, which is writing {path}", file=sys.stderr, flush=True)
        fcntl.lockf(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True


def _stands(file: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), lock.stat())
    except FileNotFoundError:
        return False


def _sign(file: int):
    """Write into the file who holds it; others may open it, too."""
    with contextlib.suppress(OSError):
        os.fchmod(file, 0o666)
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()} in {Path.cwd()}".encode(), 0)
