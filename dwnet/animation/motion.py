"""How the person moves: driving frames with their IUV maps, read as they are needed."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from densepose_cache.core.geometry import Geometry
from densepose_cache.video.sound import Sound

from .framing.choice import CROPPED, Framing
from .pace import Pace


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
    `maps` is the file or folder that the IUV maps are read from, None where they are found or lie in the motion itself.
    `look` gives the IUV maps (S, S, 3) of the frames `numbers` (n,), ascending, None where nobody was found. `later` is the motion from a
    frame on.
    `rough`: the small network that ships finds their maps.
    `geometry` is how frames of the video became squares; None where that is not known.
    """

    size: int
    fps: float
    repeats: np.ndarray
    frames: bool
    read: Callable[[], Iterator[DrivingFrame]]
    look: Callable[[np.ndarray], Iterator[np.ndarray | None]]
    later: Callable[[int], "Motion"]
    sound: Sound | None = None
    maps: Path | None = None
    rough: bool = False
    geometry: Geometry | None = None

    def __len__(self) -> int:
        return len(self.repeats)


def paced_motion(
    size: int,
    frames: bool,
    pace: Pace,
    read: Callable[[Pace], Iterator[DrivingFrame]],
    look: Callable[[np.ndarray], Iterator[np.ndarray | None]],
    **more,
) -> Motion:
    """The motion that shows frames at a `pace`; `read` gives the frames of a pace, `look` the IUV maps of frames by their numbers there.

    `more` are further fields of the motion.
    """

    def later(number: int) -> Motion:
        rest, sound = pace.since(number), more.get("sound")
        seconds = (len(pace.numbers) - len(rest.numbers)) / pace.fps
        heard = sound and replace(sound, start=sound.start + seconds, seconds=sound.seconds - seconds)
        return paced_motion(size, frames, rest, read, look, **more | {"sound": heard})

    return Motion(size, pace.fps, pace.repeats, frames, lambda: read(pace), lambda numbers: look(pace.shown[numbers]), later, **more)
