"""How the person moves: driving frames with their IUV maps, read as they are needed."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from densepose_cache.core.geometry import Geometry
from densepose_cache.video.sound import Sound

from .framing.choice import CROPPED, Framing


class DrivingFrame(NamedTuple):
    """A driving frame: its IUV map (S, S, 3) uint8, and itself (S, S, 3) uint8 where frames were asked for.

    `held`: nobody was found on it, and another map stands in. `score` in [0, 1] is the detector's, NaN where there is none.
    """

    iuv: np.ndarray
    frame: np.ndarray | None
    held: bool = False
    score: float = math.nan


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a motion: squares of side `size`, `fps` frames a second (None: its own), from `start` to `end` in seconds (None:
    from its beginning, to its end); `frames` asks for the pixels of the driving frames, too; `framing` says what they show."""

    size: int
    fps: float | None = None
    start: float | None = None
    end: float | None = None
    frames: bool = False
    framing: Framing = CROPPED


@dataclass(frozen=True)
class Motion:
    """`read` gives the driving frames, squares of side `size`, one after the other.

    Each is shown `repeats` (T,) times at `fps` frames a second, with `sound` if there is any. `frames`: they come with their pixels.
    `geometry` is how frames of the video became squares; None where that is not known.
    """

    size: int
    fps: float
    repeats: np.ndarray
    frames: bool
    read: Callable[[], Iterator[DrivingFrame]]
    sound: Sound | None = None
    geometry: Geometry | None = None

    def __len__(self) -> int:
        return len(self.repeats)
