"""How the person moves: driving frames with their IUV maps, read as they are needed."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from densepose_cache.video.sound import Sound


class DrivingFrame(NamedTuple):
    """A driving frame: its IUV map (S, S, 3) uint8, and itself (S, S, 3) uint8 where frames were asked for.

    `held`: nobody was found on it, and another map stands in. `score` in [0, 1] is the detector's, NaN where there is none. `people` is how
    many it found, 0 where that is unknown.
    """

    iuv: np.ndarray
    frame: np.ndarray | None
    held: bool = False
    score: float = math.nan
    people: int = 0


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a motion: squares of side `size`, `fps` frames a second (None: its own), from `start` to `end` in seconds (None:
    from its beginning, to its end); `frames` asks for the pixels of the driving frames, too."""

    size: int
    fps: float | None = None
    start: float | None = None
    end: float | None = None
    frames: bool = False


@dataclass(frozen=True)
class Motion:
    """`read` gives the driving frames, squares of side `size`, one after the other.

    Each is shown `repeats` (T,) times at `fps` frames a second, with `sound` if there is any. `frames`: they come with their pixels.
    `rough`: the small network that ships finds their maps.
    """

    size: int
    fps: float
    repeats: np.ndarray
    frames: bool
    read: Callable[[], Iterator[DrivingFrame]]
    sound: Sound | None = None
    rough: bool = False

    def __len__(self) -> int:
        return len(self.repeats)
