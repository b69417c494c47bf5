"""Earlier results, so that nothing is made twice. One rule for shards, rollouts and evaluations:

- A result carries the digest of all that it was made from: a file inside it, a folder in the hidden file `.digest`.
- A finished file is kept under a second name, the hard link `.{name}.kept` beside it. Workflow engines delete a job's outputs before they
  run it, and runs with other settings write in their place; the next one that wants the same digest takes the earlier result up.
- What stands beside a file is taken for part of it only where it carries the same digest, and is made again from it otherwise.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .atomic import write_text_whole, written_whole
from .names import hidden

MARK = ".digest"
"""The file of a folder that says to which result it belongs. Where it is, the folder is whole."""


def kept(path: Path) -> Path:
    """The name under which an earlier result that stood at `path` is kept."""
    return hidden(path, "kept")


def keep(path: Path):
    """Keep the finished file `path`, in place of an earlier one (of none where the file system has no hard links)."""
    new = kept(path).with_name(kept(path).name + ".new")
    with contextlib.suppress(OSError):
        new.unlink(missing_ok=True)
        os.link(os.path.realpath(path), new)
        os.replace(new, kept(path))
    new.unlink(missing_ok=True)


def is_kept(path: Path, digest: str, carried: Callable[[Path], str | None]) -> bool:
    """Whether the file that is kept of `path` has `digest`; `carried` gives the digest of a file, None for one that cannot be read."""
    return kept(path).is_file() and carried(kept(path)) == digest


def take_up(path: Path):
    """Let the file that is kept of `path` stand there again, as if it had just been written."""
    with written_whole(path) as temporary:
        try:
            os.link(kept(path), temporary)
        except OSError:
            shutil.copyfile(kept(path), temporary)
        os.utime(temporary)


def belongs(folder: Path, digest: str) -> bool:
    """Whether `folder` is whole and part of the result with `digest`."""
    try:
        return (folder / MARK).read_text(encoding="utf-8") == digest
    except (OSError, UnicodeDecodeError):
        return False


@contextlib.contextmanager
def filled_for(folder: Path, digest: str) -> Iterator[None]:
    """Context manager that fills `folder` for the result with `digest`: until it is done the folder is part of none."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).unlink(missing_ok=True)
    yield
    write_text_whole(folder / MARK, digest)
