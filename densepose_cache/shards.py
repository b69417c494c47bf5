"""HDF5 shards: written whole or not at all, rebuilt clip by clip.

A shard holds one group per clip, and every group the digest of all that it was made from. A writer works under a temporary name and renames
when everything is flushed, so a shard that exists is whole. It also leaves a hard link `.{name}.kept` beside the shard: workflow engines
delete a job's outputs before they run it again, and the link lets the next writer take over every clip whose digest has not changed,
compressed bytes and all.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from .config import FORMATS
from .digest import canonical_json
from .errors import InputError
from .versions import installed_versions
from .whole import flush_to_disk, temporary_name

COMPRESSION = hdf5plugin.Zstd(clevel=3)
"""Of frames and IUV maps. Blosc2 with the same codec took 2.5 to 6 times as long to read them back: it cuts a chunk of four dimensions
into small boxes."""
TOOLS = ("numpy", "h5py", "hdf5plugin", "scikit-learn", "av", "imageio-ffmpeg", "torch")


def bucket(clip: str, shards: int) -> int:
    """Number in 0..shards-1 of the shard that holds `clip`; depends on the name alone."""
    return int.from_bytes(hashlib.sha256(clip.encode()).digest()[:8], "big") % shards


def shard_name(number: int) -> str:
    """File stem of shard `number`: at least three digits."""
    return f"{number:03d}"


def tool_versions() -> dict[str, str]:
    """Versions of Python and of the installed tools that can change a result."""
    return installed_versions(TOOLS)


def open_shard(path: Path, stage: str) -> h5py.File:
    """Open a shard of `stage` for reading.

    Raises InputError if the file is missing, is no shard of that stage, or has another format version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such shard; run the `{stage}` stage to build it")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: cannot be read as HDF5 ({error}); delete it and run the `{stage}` stage again") from None
    found = file.attrs.get("stage"), file.attrs.get("format")
    if found != (stage, FORMATS[stage]):
        file.close()
        raise InputError(
            f"{path}: holds stage {found[0]!r} in format {found[1]}, but {stage!r} in format {FORMATS[stage]} is needed; "
            f"delete it and run the `{stage}` stage again"
        )
    return file


class FrameStream:
    """A dataset that grows frame by frame; chunk = one frame."""

    def __init__(self, dataset: h5py.Dataset):
        self.dataset = dataset
        self.length = 0

    def append(self, frame: np.ndarray):
        if self.length == len(self.dataset):
            self.dataset.resize(max(16, 2 * self.length), axis=0)
        self.dataset[self.length] = frame
        self.length += 1

    def close(self):
        self.dataset.resize(self.length, axis=0)


class ShardWriter:
    """Write a shard of `stage`: for every clip either `keep` it from the previous shard or `create` its group.

    Use as a context manager; an exception inside leaves neither a temporary file nor a half-written shard.
    """

    def __init__(self, path: Path, stage: str, settings: dict):
        self.path, self.stage, self.settings = Path(path), stage, settings
        self.kept: list[str] = []
        self.created: list[str] = []
        self._link = self.path.with_name(f".{self.path.name}.kept")
        self._temporary = temporary_name(self.path)
        self._previous: h5py.File | None = None
        self._file: h5py.File | None = None

    def __enter__(self) -> "ShardWriter":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._link.is_file():
            with contextlib.suppress(InputError):
                self._previous = open_shard(self._link, self.stage)
        self._file = h5py.File(self._temporary, "w")
        self._file.attrs["stage"] = self.stage
        self._file.attrs["format"] = FORMATS[self.stage]
        self._file.attrs["settings"] = canonical_json(self.settings)
        self._file.attrs["versions"] = json.dumps(tool_versions())
        return self

    def keep(self, clip: str, digest: str) -> bool:
        """True, and the clip is taken over, if the previous shard holds it with the same digest."""
        if self._previous is None or clip not in self._previous or self._previous[clip].attrs["digest"] != digest:
            return False
        self.kept.append(clip)
        return True

    def create(self, clip: str, digest: str, **facts) -> h5py.Group:
        """A new group for `clip`; `facts` become attributes (numbers, text)."""
        group = self._file.create_group(clip)
        group.attrs["digest"] = digest
        group.attrs.update(facts)
        self.created.append(clip)
        return group

    def discard(self, clip: str):
        """Remove what has been written of `clip`, if anything has; the room in the file is used again."""
        if clip in self.created:
            del self._file[clip]
            self.created.remove(clip)

    @staticmethod
    def stream(group: h5py.Group, name: str, frame_shape: tuple[int, ...], dtype) -> FrameStream:
        """A compressed dataset (0, *frame_shape) to append frames to; close it when the last frame is in."""
        return FrameStream(
            group.create_dataset(
                name,
                (0, *frame_shape),
                dtype,
                maxshape=(None, *frame_shape),
                chunks=(1, *frame_shape),
                compression=COMPRESSION,
            )
        )

    @staticmethod
    def write(group: h5py.Group, name: str, frames: np.ndarray):
        """A compressed dataset of `frames` (T, ...); chunk = one frame."""
        chunks = (1, *frames.shape[1:]) if frames.size else None
        group.create_dataset(name, data=frames, chunks=chunks, compression=COMPRESSION if chunks else None)

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self._finish()
        finally:
            for file in (self._file, self._previous):
                if file:
                    file.close()
            self._temporary.unlink(missing_ok=True)

    def _finish(self):
        unchanged = not self.created and self._previous is not None and set(self.kept) == set(self._previous)
        if unchanged and self._previous.attrs["settings"] == self._file.attrs["settings"]:
            self._file.close()
            self._temporary.unlink()
            os.link(self._link, self._temporary)
            os.utime(self._temporary)
        else:
            for clip in self.kept:
                self._previous.copy(self._previous[clip], self._file, clip)
            self._file.close()
            flush_to_disk(self._temporary)
        os.replace(self._temporary, self.path)
        keep_link(self.path, self._link)


def keep_link(path: Path, link: Path):
    """Leave the hard link `link` of the file `path` (none where the file system has no hard links)."""
    new = link.with_name(link.name + ".new")
    with contextlib.suppress(OSError):
        new.unlink(missing_ok=True)
        os.link(path, new)
        os.replace(new, link)
    new.unlink(missing_ok=True)
