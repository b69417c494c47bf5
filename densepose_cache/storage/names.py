"""Names of files and links to files: what can go wrong with them, said in one line."""

import hashlib
import os
from pathlib import Path

from ..core.errors import InputError

NAME_MAX = 255
"""Bytes that a file's name may have on all common file systems."""
PATH_MAX = 4095
"""Bytes that a path may have."""
HIDDEN_MAX = 200
"""Bytes of a file's name that its hidden companions (temporary files, locks) carry in theirs."""


def check_name(path: Path):
    """Raise InputError if the name of `path` is too long, or not UTF-8: tables and logs could not name it."""
    raw = os.fsencode(path)
    try:
        raw.decode()
    except UnicodeDecodeError:
        shown = raw.decode(errors="backslashreplace")
        raise InputError(f"{shown}: the name is not UTF-8 (characters of an older encoding); rename it") from None
    if len(raw) > PATH_MAX:
        raise InputError(f"{path}: the path has {len(raw)} bytes, but {PATH_MAX} are possible; take a shorter one")
    longest = max(map(len, raw.split(b"/")))
    if longest > NAME_MAX:
        raise InputError(f"{path}: the name has {longest} bytes, but a file's may have {NAME_MAX}; take a shorter one")


def check_file(path: Path, what: str):
    """Raise InputError if `path` is no file that holds something; `what` it should be is named: "picture"."""
    path = Path(path)
    check_name(path)
    check_link(path)
    try:
        is_folder, size = path.is_dir(), path.stat().st_size
    except FileNotFoundError:
        raise InputError(f"{path}: no such {what}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror.lower()})") from None
    if is_folder:
        raise InputError(f"{path}: is a folder; a {what} is needed")
    if not size and path.is_file():
        raise InputError(f"{path}: the file is empty; copy the {what} again or remove it")


def check_link(path: Path):
    """Raise InputError if `path` is a link whose target is not there."""
    if reason := dangling(path):
        raise InputError(f"{reason}; restore its target, or remove the link")


def dangling(path: Path) -> str | None:
    """What is wrong with the link `path`, which is named with its target, if that is not there; None for all else."""
    path = Path(path)
    if path.is_symlink() and not path.exists():
        return f"{path} is a link to {path.readlink()}, which is not there"
    return None


def shortened(name: str, length: int, text: str | None = None) -> str:
    """`name` if it has at most `length` bytes in UTF-8, else its first ones and six digits of the digest of `text` (default: itself)."""
    raw = name.encode()
    if len(raw) <= length:
        return name
    mark = hashlib.sha256((name if text is None else text).encode()).hexdigest()[:6]
    return f"{raw[: length - 7].decode(errors='ignore')}-{mark}"


def hidden(path: Path, end: str) -> Path:
    """The hidden companion `.{name}.{end}` of `path`, in the same folder; of a very long name a part and its digest."""
    path = Path(path)
    return path.parent / f".{shortened(path.name, HIDDEN_MAX)}.{end}"


def is_there(path: Path) -> bool:
    """Whether `path` exists; no file has a name that is too long. Raises InputError if it is a link whose target is not there."""
    path = Path(path)
    if len(os.fsencode(path.name)) > NAME_MAX:
        return False
    check_link(path)
    return path.exists()


def output_path(path: Path) -> Path:
    """Where what is written to `path` goes: to the target of a link, perhaps one that is still to be made, which stays a link.

    Raises InputError for a name that no file can have, and for a link to a folder that is not there.
    """
    path = Path(path)
    check_name(path)
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if target.is_symlink() or not target.parent.is_dir():
        raise InputError(f"{path} is a link to {path.readlink()}, which cannot be written to; make that folder, or remove the link")
    return target
