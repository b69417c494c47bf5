"""IUV maps that were found before: kept under the user's cache folder by the digest of all they were made from.

A file holds `iuv` (T, S, S, 3) uint8, a chunk a frame with a checksum, and what is known of each frame. It appears under its name when the
last frame is in it. Where the files together are larger than the limit, those that were used least recently go.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers its filters with HDF5
import numpy as np

from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backend import FrameMap
from densepose_cache.storage.atomic import flush_to_disk, temporary_name
from densepose_cache.storage.hdf5 import Hdf5File
from densepose_cache.storage.row_delta import frame_options

FORMAT = 1
"""Enters the names of the files."""
GB = 1e9
ABANDONED = 86400
"""Seconds after which an unfinished file is that of a process which was killed."""
FACTS = {"found": np.bool_, "score": np.float32, "people": np.int32, "near_tie": np.bool_, "went_back": np.bool_}


def user_folder() -> Path:
    """`$XDG_CACHE_HOME/dwnet/iuv`, or the same below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "dwnet" / "iuv"  # noqa: PTH111 - there may be no home


class MapCache:
    """Maps in `folder`, at most `limit` bytes of them. Where the folder cannot be written to, nothing is kept, which is said once."""

    def __init__(self, folder: Path, limit: float):
        self.folder, self.limit = folder, limit

    def path(self, key: str) -> Path:
        """Where the maps made from all that has the digest `key` are kept."""
        return self.folder / f"{key}.h5"

    def read(self, key: str) -> Iterator[FrameMap]:
        """Yield the maps that are kept. Raises InputError if the file is damaged."""
        path = self.path(key)
        with contextlib.suppress(OSError):
            os.utime(path)
        try:
            with h5py.File(path, "r") as file:
                facts = {name: file[name][:].tolist() for name in FACTS}
                for number, found in enumerate(facts.pop("found")):
                    rest = {name: values[number] for name, values in facts.items()}
                    yield FrameMap(file["iuv"][number] if found else None, **rest)
        except (OSError, KeyError) as error:
            raise InputError(f"{path}: is damaged ({error}); delete it, and run the same command again") from None

    def kept(self, key: str, maps: Iterator[FrameMap], length: int, size: int) -> Iterator[FrameMap]:
        """Yield `maps`, of `length` frames of side `size`, and keep them when the last one has been taken."""
        with contextlib.closing(maps), contextlib.ExitStack() as stack:
            writer = None
            with self._saying():
                self.folder.mkdir(parents=True, exist_ok=True)
                writer = stack.enter_context(contextlib.closing(_Writer(self.path(key), length, size)))
            for number, found in enumerate(maps):
                if writer:
                    with self._saying() as failed:
                        writer.add(number, found)
                    writer = None if failed else writer
                yield found
            if writer:
                with self._saying():
                    writer.finish()
                    self._prune(self.path(key))

    @contextlib.contextmanager
    def _saying(self) -> Iterator[list[OSError]]:
        """Context manager that says what goes wrong with the cache, and notes it in the list it gives."""
        failed: list[OSError] = []
        try:
            yield failed
        except OSError as error:
            failed.append(error)
            print(f"{self.folder}: cannot be written to ({error.strerror or error}); IUV maps are not kept", file=sys.stderr)

    def _prune(self, newest: Path):
        """Remove the least recently used files but `newest` until all are within the limit, and what killed processes have left."""
        for left in self.folder.glob(".*.tmp"):
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink(missing_ok=True)
        files = sorted((path for path in self.folder.glob("*.h5")), key=lambda path: path.stat().st_mtime)
        size = sum(path.stat().st_size for path in files)
        for path in files:
            if size > self.limit and path != newest:
                size -= path.stat().st_size
                path.unlink(missing_ok=True)


class _Writer:
    """Fills the file `path` under a temporary name. `close` without `finish` removes it."""

    def __init__(self, path: Path, length: int, size: int):
        self._path, self._temporary = path, temporary_name(path)
        self._facts = {name: np.zeros(length, kind) for name, kind in FACTS.items()}
        self._file = Hdf5File(self._temporary, libver=None)
        self._maps = self._file.create_dataset("iuv", (length, size, size, 3), np.uint8, **frame_options((size, size, 3)))

    def add(self, number: int, found: FrameMap):
        """Write what was found on frame `number`. Raises OSError where there is no room."""
        if found.iuv is not None:
            self._maps[number] = found.iuv
        rest = found._asdict() | {"found": found.iuv is not None}
        for name, values in self._facts.items():
            values[number] = rest[name]
        self._file.check()

    def finish(self):
        """Let the file appear under its name. Raises OSError where there is no room."""
        for name, values in self._facts.items():
            self._file.create_dataset(name, data=values, fletcher32=True)
        self._file.close()
        flush_to_disk(self._temporary)
        self._temporary.replace(self._path)

    def close(self):
        """Remove the file if it is not finished."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)
