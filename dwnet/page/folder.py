"""The one folder of a run of the server: uploads, maps and results lie in it, and it goes with the server."""

import contextlib
import os
import re
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from densepose_cache.storage.lock import Taken, alone

PREFIX = "dwnet-page-"
KEPT = 6 * 3600.0
"""Seconds after their last use for which uploads and results are kept while the server runs."""
EVERY = 600.0
"""Seconds from one look for old files to the next."""


class PageFolder:
    """The folder `root`. `files` is the part of it that visitors' browsers are given."""

    def __init__(self, root: Path):
        self.root = root
        self.files, self.examples, self.maps = root / "files", root / "files" / "examples", root / "iuv"
        self.files.mkdir()

    def visitor(self) -> Path:
        """A new folder for the results of one visitor, whose name nobody can guess."""
        path = self.files / secrets.token_urlsafe(16)
        path.mkdir()
        return path

    def inside(self, path: Path) -> bool:
        """Whether `path` is a file that this server was sent or made."""
        return path.resolve().is_relative_to(self.files.resolve()) and path.is_file()

    def plain(self, text: str) -> str:
        """`text` with the names of files alone, without the folders that they are in here."""
        return re.sub(rf"{re.escape(str(self.files))}/[^/\s]+/", "", text).replace(f"{self.root}/", "")

    def sweep(self, kept: float, spared: set[Path]):
        """Remove every visitor's and upload's folder in which nothing was touched for `kept` seconds; `spared` folders stay."""
        for folder in self.files.iterdir():
            if folder == self.examples or folder in spared:
                continue
            with contextlib.suppress(FileNotFoundError):
                newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
                if time.time() - newest > kept:
                    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def page_folder() -> Iterator[PageFolder]:
    """Context manager of a new folder, only for this user, which is removed at the end. Those that killed servers left go, too."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, Taken):
            if left.stat().st_uid == os.getuid():
                with alone(left / "server", wait=False):
                    shutil.rmtree(left, ignore_errors=True)
    root = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with alone(root / "server"):
            yield PageFolder(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.contextmanager
def swept(folder: PageFolder, spared: Callable[[], set[Path]]) -> Iterator[None]:
    """Context manager inside of which old files are removed now and then, but for the folders that are `spared`."""
    ended = threading.Event()

    def work():
        while not ended.wait(EVERY):
            folder.sweep(KEPT, spared())

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
