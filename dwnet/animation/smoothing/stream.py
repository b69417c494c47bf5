"""Driving frames whose maps are evened out over time, as they come: a window of five, whatever their number."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, repeat

import numpy as np

from ..motion import DrivingFrame, Motion
from .trajectories import Ways, body_places, find_ways
from .vote import steadied

SIDE = 2
"""Frames before, and after, that a frame is evened out with."""
CUT = 0.35
"""Share of two bodies, one moved onto the other, that has the same part, below which the video was cut between them."""

JUMP = 0.1
"""Share of the frame's side that a body's middle may move in a frame."""


def steady(motion: Motion, smooth: str) -> Motion:
    """`motion` with its maps evened out where `smooth` is "on", or "auto" and they are rough."""
    if smooth == "on" or (smooth == "auto" and motion.rough):
        return replace(motion, read=lambda: smoothed(motion.read()))
    return motion


def smoothed(frames: Iterator[DrivingFrame]) -> Iterator[DrivingFrame]:
    """Yield the `frames`, their maps evened out: parts by a vote of five frames along the body's motion, U and V by a mean along it.

    Both look as far ahead as back, so that nothing lags. A map that stands in for a missing one, or is unlike those around it, which are
    alike, is made anew from them. Frames beside the beginning, the end, a cut of the video or a longer gap keep their maps.
    """
    window: deque[_Seen | None] = deque([None] * (2 * SIDE + 1), 2 * SIDE + 1)
    ways = None
    with closing(frames):
        for frame in chain(frames, repeat(None, SIDE)):
            window.append(frame and _seen(frame, window[-1]))
            if window[SIDE]:
                iuv, ways = _evened_out(window, ways)
                yield window[SIDE].frame._replace(iuv=iuv)


@dataclass(frozen=True)
class _Seen:
    """A driving frame, where on it the places of the body lie, and whether its map goes on from that of the frame before it."""

    frame: DrivingFrame
    places: np.ndarray
    goes_on: bool

    @property
    def iuv(self) -> np.ndarray:
        return self.frame.iuv


def _seen(frame: DrivingFrame, before: _Seen | None) -> _Seen:
    places = body_places(frame.iuv)
    return _Seen(frame, places, before is not None and _alike(before.iuv, before.places, frame.iuv, places))


def _evened_out(window: Sequence[_Seen | None], earlier: Ways | None) -> tuple[np.ndarray, Ways | None]:
    """The map of the middle one of five frames and the ways on it, None where it stays as it is; `earlier` are the ways before."""
    first, before, now, after, last = window
    if not (_counts(before) and _counts(after)):
        return now.iuv, None
    steady_there = now.goes_on and after.goes_on
    if not steady_there and not _alike(before.iuv, before.places, after.iuv, after.places):
        return now.iuv, None
    trusted = steady_there and not now.frame.held
    wide = _counts(first) and _counts(last) and before.goes_on and last.goes_on
    near = (before, now, after)
    ways = find_ways([one.iuv for one in near], [one.places for one in near], trusted, earlier)
    return steadied([(one or now).iuv for one in window], trusted, wide, ways), ways


def _counts(seen: _Seen | None) -> bool:
    return seen is not None and not seen.frame.held


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two maps (S, S, 3) uint8 can be those of one body a moment later: its middle is near, and moved onto each other their parts
    agree."""
    return _alike(one, body_places(one), other, body_places(other))


def _alike(one: np.ndarray, places: np.ndarray, other: np.ndarray, other_places: np.ndarray) -> bool:
    (count, *mean), (others, *there) = _middle(places), _middle(other_places)
    if not count or not others:
        return bool(count == others)
    y, x = (round(float(new - old)) for old, new in zip(mean, there, strict=True))
    size = len(one)
    if max(abs(y), abs(x)) > JUMP * size:
        return False
    kept = one[max(-y, 0) : size - max(y, 0), max(-x, 0) : size - max(x, 0), 0]
    moved = other[max(y, 0) : size - max(-y, 0), max(x, 0) : size - max(-x, 0), 0]
    same, both = np.count_nonzero((kept == moved) & (kept > 0)), np.count_nonzero((kept > 0) & (moved > 0))
    return bool(same >= CUT * (count + others - both))


def _middle(places: np.ndarray) -> tuple[float, float, float]:
    """Number and mean row and column of the pixels of all places."""
    count = places[:, 0].sum()
    return (count, *(places[:, :1] * places[:, 1:]).sum(0) / max(count, 1))
