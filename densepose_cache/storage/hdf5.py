"""HDF5 files to write, on disks that may be full.

Where a write fails, HDF5 loses data without a word, and ends the process with a segmentation fault when the file is closed. So it never
hears of it: what does not fit on the disk stays in memory, and the error is raised between two operations and once the file is closed.
"""

import io
import os
from pathlib import Path

import h5py

LAYOUT = ("v110", "v110")
"""Version of the HDF5 format, both bounds: the first one whose structures all have checksums."""


class Hdf5File(h5py.File):
    """A new HDF5 file to fill. Use as a context manager, or `close` it. Raises the OSError of the first write that failed."""

    def __init__(self, path: Path, libver: tuple[str, str] | None = LAYOUT):
        self._bytes = _Bytes(path)
        try:
            super().__init__(self._bytes, "w", libver=libver)
        except BaseException:
            self._bytes.close()
            raise

    def check(self):
        """Raise the error of the first write that failed, if one has. To be called every few megabytes: they would gather in memory."""
        if self._bytes.error:
            raise self._bytes.error

    def close(self):
        """Close the file. Raises what `check` does."""
        super().close()
        self._bytes.close()
        self.check()

    def __exit__(self, kind, *_):
        try:
            self.close()
        except OSError:
            if kind is None:
                raise


class _Bytes(io.RawIOBase):
    """The file as h5py's driver for Python objects wants it; what cannot be written is kept in `_kept`, by its place."""

    def __init__(self, path: Path):
        self.error: OSError | None = None
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._place, self._size = 0, 0
        self._kept: dict[int, bytes] = {}

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        self._place = place + (self._size if whence == os.SEEK_END else 0)
        return self._place

    def tell(self) -> int:
        return self._place

    def write(self, content) -> int:
        view = memoryview(content).cast("B")
        try:
            self._write(view)
        except OSError as error:
            self.error = self.error or error
            self._kept.pop(self._place, None)
            self._kept[self._place] = bytes(view)
        self._place += len(view)
        self._size = max(self._size, self._place)
        return len(view)

    def _write(self, view: memoryview):
        if self.error:
            raise self.error
        place = self._place
        while view:
            count = os.pwrite(self._file, view, place)
            place, view = place + count, view[count:]

    def readinto(self, content) -> int:
        view = memoryview(content).cast("B")
        view[:] = os.pread(self._file, len(view), self._place).ljust(len(view), b"\0")
        for place, kept in self._kept.items():
            first, last = max(place, self._place), min(place + len(kept), self._place + len(view))
            if first < last:
                view[first - self._place : last - self._place] = kept[first - place : last - place]
        self._place += len(view)
        return len(view)

    def truncate(self, size: int) -> int:
        self._size = size
        if not self.error:
            try:
                os.ftruncate(self._file, size)
            except OSError as error:
                self.error = error
        return size

    def close(self):
        if not self.closed:
            os.close(self._file)
        super().close()
