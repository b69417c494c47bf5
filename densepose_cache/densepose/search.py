"""How people are sought on frames, where it is not as usual: who is followed, and how finely the network looks."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

FINEST = 4
"""A network looks at most at this many times the pixels across that it usually sees."""


class Start(NamedTuple):
    """Who is followed: whoever is at `box` (left, top, right, bottom in pixels of the frame) on frame `frame`, counted from 0."""

    frame: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Search:
    """`finer` is 1, 2 or 4: how many times the usual side the frames have that the network sees. `start` says who is followed, None takes
    the person who is most certain, largest and most central."""

    finer: int = 1
    start: Start | None = None

    def key(self) -> list:
        """What enters digests of the maps; nothing for the usual search."""
        start = [] if self.start is None else [self.start.frame, [float(edge) for edge in self.start.box]]
        return [] if self == USUAL else ["search", self.finer, start]


USUAL = Search()


class People(NamedTuple):
    """Those who are on one frame: `boxes` (N, 4) float, left, top, right, bottom in its pixels, and `scores` (N,) in [0, 1]."""

    boxes: np.ndarray
    scores: np.ndarray


def finer_for(share: float, needed: float) -> int:
    """How finely to look for people who are `share` of the frame's side tall, where the network needs the share `needed`."""
    times = 1
    while times < FINEST and share * times < needed:
        times *= 2
    return times
