"""The real frames that others' videos are measured on: a folder of videos, or a split of the cache; and videos as frames."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from natsort import natsorted

from densepose_cache.cache.reader import SplitReader
from densepose_cache.config import VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.storage.digest import digest, file_sha256
from densepose_cache.video import frame_files, frame_times, probe, read_folder, read_frames
from densepose_cache.video.files import sift
from densepose_cache.video.folder import picture_size
from densepose_cache.warp import source_frame
from densepose_cache.warp.grid import visible_pixels

from ..animation.extraction import Extraction
from ..animation.motion import Wanted
from ..animation.sources import load_motion
from .protocol import data_digest


@dataclass(frozen=True)
class Moving:
    """A video, or a folder of frames, which has no rate: so many `frames` of `width` x `height` pixels, `fps` a second."""

    path: Path
    width: int
    height: int
    frames: int
    fps: float | None

    @classmethod
    def of(cls, path: Path) -> "Moving":
        """The video or folder `path`. Raises InputError if it is none."""
        if path.is_dir():
            files = frame_files(path)
            return cls(path, *picture_size(files[0]), len(files), None)
        info, times = probe(path), frame_times(path)
        return cls(path, info.width, info.height, len(times.seconds), times.rate(info.fps))

    def sha256(self) -> str:
        """Digest of its file or files."""
        return digest(*map(file_sha256, frame_files(self.path))) if self.path.is_dir() else file_sha256(self.path)

    def squares(self, size: int) -> Iterator[np.ndarray]:
        """Yield its frames as squares (size, size, 3) uint8."""
        geometry, pad = Geometry.from_box(self.width, self.height, None, size), VideoSettings().pad
        if self.path.is_dir():
            return (geometry.image(frame, pad) for frame in read_folder(self.path, 0, self.frames, pad))
        info, times = probe(self.path), frame_times(self.path)
        return read_frames(self.path, 0, self.frames, geometry.filters(pad), (size, size), times, info, pad)


class Shown(NamedTuple):
    """A real frame (S, S, 3) uint8, its person's body (S, S) bool, and the coarse grid (S, S) from the frame before with where it has a
    correspondence (S, S) bool: nowhere on the first frame."""

    frame: np.ndarray
    body: np.ndarray
    index: np.ndarray
    visible: np.ndarray


class Truth(Protocol):
    """Real clips by `names`, each a `Moving`."""

    names: list[str]

    def clip(self, name: str) -> Moving:
        """Facts of a clip."""

    def frames(self, name: str, size: int) -> Iterator[Shown]:
        """Yield its frames, squares of side `size`."""

    def digest(self, lengths: dict[str, int], size: int) -> str:
        """Digest of clips of such lengths in frames of side `size`."""


class RealFolder:
    """Videos and folders of frames; `extraction` finds the people."""

    def __init__(self, folder: Path, extraction: Extraction):
        self._found, self._extraction = named(folder), extraction
        self.names = list(self._found)

    def clip(self, name: str) -> Moving:
        """Facts of a clip."""
        return Moving.of(self._found[name])

    def frames(self, name: str, size: int) -> Iterator[Shown]:
        """Yield its frames, squares of side `size`."""
        before = None
        with closing(load_motion(str(self._found[name]), None, Wanted(size, frames=True), self._extraction).read()) as read:
            for driving in read:
                index = source_frame("lattice", driving.iuv if before is None else before).grids([driving.iuv])[0].index
                yield shown(driving.frame, before, driving.iuv, index)
                before = driving.iuv

    def digest(self, lengths: dict[str, int], size: int) -> str:
        """Digest of clips of such lengths in frames of side `size`."""
        return digest(*((name, self.clip(name).sha256(), length) for name, length in lengths.items()), size)


class RealCache:
    """The clips of a split of the cache."""

    def __init__(self, reader: SplitReader):
        self._reader, self.names = reader, list(reader.clips)

    def clip(self, name: str) -> Moving:
        """Facts of a clip."""
        size = self._reader.size
        return Moving(self._reader.path, size, size, self._reader.length(name), self._reader.fps(name))

    def frames(self, name: str, size: int) -> Iterator[Shown]:
        """Yield its frames. Raises InputError if `size` is not that of the cache."""
        if size != self._reader.size:
            raise InputError(f"{self._reader.path}: its frames have a side of {self._reader.size} pixels, not {size}; leave out --size")
        before = None
        for number in range(self._reader.length(name)):
            iuv = self._reader.iuv(name, number)
            yield shown(self._reader.frames(name, number), before, iuv, self._reader.grid(name, max(number - 1, 0), number))
            before = iuv

    def digest(self, lengths: dict[str, int], size: int) -> str:
        """Digest as the evaluation of a rollout of these clips has it."""
        return data_digest(self._reader, list(lengths))


def shown(frame: np.ndarray, before: np.ndarray | None, iuv: np.ndarray, index: np.ndarray) -> Shown:
    """A frame with the map `iuv` (S, S, 3) uint8 after one with the map `before`, None for the first, and the grid between them."""
    body = iuv[..., 0] > 0
    return Shown(frame, body, index, np.zeros_like(body) if before is None else visible_pixels(before, iuv))


def named(folder: Path) -> dict[str, Path]:
    """Videos and folders of frames in `folder` by name, without the ending. Raises InputError if there is none, or two have one name."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of videos or of folders of frames")
    entries = [path for path in folder.iterdir() if not path.name.startswith(".") and not path.name.endswith("_IUV")]
    videos, others = sift(path for path in entries if path.is_file())
    found: dict[str, Path] = {}
    for path in natsorted([*videos, *(path for path in entries if path.is_dir())]):
        name = path.name if path.is_dir() else path.stem
        if name in found:
            raise InputError(f"{path}: has the same name as {found[name].name}; rename one of them")
        found[name] = path
    if not found:
        raise InputError(f"{folder}: holds no videos and no folders of frames" + (f", but {others}" if others else ""))
    return found
