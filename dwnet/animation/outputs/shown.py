"""What is known of a frame when it has been generated, and how a video is made of it."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from densepose_cache.video import VideoWriter
from densepose_cache.video.png_folder import FolderWriter
from densepose_cache.video.sound import Sound
from dwnet.inference.driving import Driving

from ..motion import DrivingFrame

KEPT = 3
"""Grids that are kept: a frame is shown when the next one has had its grids."""


class Shown(NamedTuple):
    """The generated `frame` (S, S, 3) uint8 with its `number`, `driving` with the maps and grids of this one, and the driving frame itself
    as it was `read`."""

    number: int
    frame: np.ndarray
    driving: Driving
    read: DrivingFrame


class Output(NamedTuple):
    """A video to write to `path`, or a folder of PNGs. `picture` makes what is seen of `size` (width, height), uint8."""

    path: Path
    size: tuple[int, int]
    picture: Callable[[Shown], np.ndarray]
    sound: Sound | None = None
    folder: bool = False

    def writer(self, fps: float) -> VideoWriter | FolderWriter:
        """What writes it, at `fps` frames a second."""
        return make_writer(self.path, self.folder, fps, self.size, self.sound)


def make_writer(path: Path, folder: bool, fps: float, size: tuple[int, int], sound: Sound | None) -> VideoWriter | FolderWriter:
    """What writes a video, or a `folder` of PNGs, at `path`, of frames of `size` (width, height)."""
    return FolderWriter(path, fps, size) if folder else VideoWriter(path, fps, size, sound=sound)


class KeptGrids:
    """`driving`, whose last grids are kept: asked for again they are not computed again."""

    def __init__(self, driving: Driving):
        self._driving = driving
        self.source, self.source_iuv, self.iuv = driving.source, driving.source_iuv, driving.iuv
        self._source, self._previous = deque(maxlen=KEPT), deque(maxlen=KEPT)

    def source_grid(self, number: int) -> np.ndarray:
        """As that of the driving."""
        return _kept(self._source, self._driving.source_grid, number)

    def previous_grid(self, number: int) -> np.ndarray:
        """As that of the driving."""
        return _kept(self._previous, self._driving.previous_grid, number)


def _kept(kept: deque[tuple[int, np.ndarray]], make: Callable[[int], np.ndarray], number: int) -> np.ndarray:
    for known, grid in kept:
        if known == number:
            return grid
    kept.append((number, make(number)))
    return kept[-1][1]
