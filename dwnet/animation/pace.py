"""Which frames of a motion are shown when, so that it stays as fast as it was."""

from dataclasses import dataclass

import numpy as np

from densepose_cache.core.errors import InputError
from densepose_cache.stages.decode import resample

FASTEST = 240
"""Highest frame rate that may be asked for."""
SMOOTH = 60
"""Highest frame rate that frames which come unevenly are given by themselves."""
SAME_RATE = 0.001
"""Share by which a rate may be off and still be the same: 29.97 for 30000/1001."""


@dataclass(frozen=True)
class Pace:
    """The `numbers` (T,) of the frames to show one after the other, ascending and perhaps repeated, `fps` a second."""

    numbers: np.ndarray
    fps: float

    @property
    def shown(self) -> np.ndarray:
        """Numbers of the frames that are shown at all, (N,)."""
        return np.unique(self.numbers)

    @property
    def repeats(self) -> np.ndarray:
        """How often each of them is shown, (N,)."""
        return np.unique(self.numbers, return_counts=True)[1]

    def since(self, number: int) -> "Pace":
        """What is shown from frame `number` of `shown` on."""
        return Pace(self.numbers[np.searchsorted(self.numbers, self.shown[number]) :], self.fps)

    def between(self, start: float | None, end: float | None) -> "Pace":
        """What is shown from `start` to `end`, in seconds; None is the beginning, or the end. Raises InputError where that is nothing."""
        first = 0 if start is None else round(start * self.fps)
        last = len(self.numbers) if end is None else min(round(end * self.fps), len(self.numbers))
        if not 0 <= first < last:
            whole = len(self.numbers) / self.fps
            asked = f"from {start or 0:g} to {whole if end is None else end:g} seconds"
            raise InputError(f"nothing is shown {asked} of a motion of {whole:.2f} seconds; correct --start or --end")
        return Pace(self.numbers[first:last], self.fps)


def paced(seconds: np.ndarray, rate: float, fps: float | None, even: bool = True) -> Pace:
    """The pace of frames shown at `seconds` (T,), `rate` a second on the mean, in a video of the rate `fps`, None for their own.

    Frames that do not come at an `even` rate are shown at their own times; their own rate is that of the two which follow each other
    fastest, up to `SMOOTH`.
    """
    count = len(seconds)
    if even and (fps is None or count < 2 or abs(fps - rate) < SAME_RATE * rate):
        return Pace(np.arange(count), rate if fps is None else fps)
    clock = np.arange(count) / rate if even else seconds
    if fps is None:
        steps = np.diff(seconds)
        fps = round(max(rate, min(SMOOTH, 1 / steps[steps > 0].min())), 3)
    return Pace(resample(clock, 0, count, fps), fps)


def check_rate(fps: float | None):
    """Raise InputError if a video cannot have the rate `fps`; None is any."""
    if fps is not None and not 0 < fps <= FASTEST:
        bound = "above 0" if fps <= 0 else f"at most {FASTEST}"
        raise InputError(f"the frame rate must be {bound}, not {fps:g}; correct --fps")
