"""How the body moves through a map: for every block of pixels the way that the frames before and after it agree on.

A way v is right for a block of frame t if what stands at p stood at p - v in the frame before and stands at p + v in the one after. Both at
once leave no lag, and small errors of v cancel in a mean of both. Tried are no motion, the ways of the blocks around and of the same block
one frame earlier, and where the same places of the body (part and a bin of U and V) went; the best is refined.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

BLOCKS = 32
"""Blocks along a side of the frame."""
BINS, SHIFT = 16, 4
"""Values of U, and of V, that places on the body are told apart by, and the bits by which a byte becomes its bin."""
PARTS = 25
OTHER_PART, WORST = 16, 8
"""Cost of a pixel with another part, and the most that U and V cost where it has the same."""
UNLIKELY = 12
"""Cost, of a window of 64 pixels, of a way that is not that of its neighbour."""
MOST = 1 << 30
TURNS = ((-1, 0), (1, 0), (0, -1), (0, 1))


class Ways(NamedTuple):
    """`way` (B, B, 2) int16: rows and columns that each block moves in a frame. `match` (B, B, 2) uint8: share of 255 of the body in it and
    around it that has the same part in the frame before, and in the frame after. `busy` (B, B) bool: blocks with body around them, the
    only ones that count."""

    way: np.ndarray
    match: np.ndarray
    busy: np.ndarray


@functools.lru_cache(maxsize=8)
def edges(size: int) -> np.ndarray:
    """(B + 1,) first rows, and columns, of the blocks of a frame of side `size`, and its end."""
    return np.linspace(0, size, min(BLOCKS, size // 2) + 1).round().astype(np.int64)


def body_places(iuv: np.ndarray) -> np.ndarray:
    """Number and mean row and column (25 * BINS * BINS, 3) float32 of the pixels of every place on the body."""
    places = np.zeros((PARTS * BINS * BINS, 3), np.float32)
    _add_places(iuv, places)
    return places


def find_ways(maps: Sequence[np.ndarray], places: Sequence[np.ndarray], trusted: bool, earlier: Ways | None) -> Ways:
    """The ways of a frame from the `maps` (S, S, 3) uint8 and `places` of the frame before, of it, and of the one after. Where the frame's
    own map is not `trusted`, the others alone count. `earlier` are the ways of the frame before."""
    bounds = edges(maps[1].shape[0])
    count = len(bounds) - 1
    way, match, busy = np.zeros((count, count, 2), np.int16), np.zeros((count, count, 2), np.uint8), np.zeros((count, count), np.bool_)
    _find(*maps, trusted, places[0], places[2], bounds, way if earlier is None else earlier.way, way, match, busy)
    return Ways(way, match, busy)


@njit(nogil=True, cache=True)
def _place(iuv):
    return (np.int64(iuv[0]) * BINS + (iuv[1] >> SHIFT)) * BINS + (iuv[2] >> SHIFT)


@njit(nogil=True, cache=True)
def _add_places(iuv, places):
    for r in range(iuv.shape[0]):
        for c in range(iuv.shape[1]):
            if iuv[r, c, 0] > 0:
                place = places[_place(iuv[r, c])]
                place[0] += 1
                place[1] += r
                place[2] += c
    for k in range(len(places)):
        if places[k, 0] > 0:
            places[k, 1:] /= places[k, 0]


@njit(nogil=True, cache=True)
def _apart(one, other):
    """How far two pixels of maps are apart, 0 to OTHER_PART."""
    if one[0] != other[0]:
        return OTHER_PART
    if one[0] == 0:
        return 0
    return min((abs(np.int64(one[1]) - other[1]) + abs(np.int64(one[2]) - other[2])) >> 3, WORST)


@njit(nogil=True, cache=True)
def _cost(before, now, after, trusted, window, y, x, most):
    """How badly the way (y, x) fits, over 8 x 8 pixels of the `window` (top, bottom, left, right); stops above `most`."""
    size = now.shape[0]
    cost = 0
    for i in range(8):
        r = window[0] + (2 * i + 1) * (window[1] - window[0]) // 16
        up, down = min(max(r - y, 0), size - 1), min(max(r + y, 0), size - 1)
        for j in range(8):
            c = window[2] + (2 * j + 1) * (window[3] - window[2]) // 16
            left, right = min(max(c - x, 0), size - 1), min(max(c + x, 0), size - 1)
            old, new, here = before[up, left], after[down, right], now[r, c]
            cost += _apart(old, new)
            if trusted:
                cost += _apart(old, here) + _apart(here, new)
        if cost > most:
            return cost
    return cost


@njit(nogil=True, cache=True)
def _busy(maps, bounds, busy):
    """Mark the blocks with body in them or beside them."""
    count = len(busy)
    for i in range(count):
        for j in range(count):
            found = False
            for r in range(bounds[i], bounds[i + 1]):
                for c in range(bounds[j], bounds[j + 1]):
                    found |= maps[r, c, 0] > 0
            if found:
                busy[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2] = True


@njit(nogil=True, cache=True)
def _went(now, bounds, i, j, before, after):
    """Half the way in a block that its places on the body went from the frame before to the one after; mean of those in both."""
    total, rows, columns = np.float32(0), np.float32(0), np.float32(0)
    for r in range(bounds[i], bounds[i + 1], 2):
        for c in range(bounds[j], bounds[j + 1], 2):
            if now[r, c, 0] > 0:
                place = _place(now[r, c])
                if before[place, 0] > 0 and after[place, 0] > 0:
                    total += 1
                    rows += after[place, 1] - before[place, 1]
                    columns += after[place, 2] - before[place, 2]
    if total == 0:
        return 0, 0
    return int(np.rint(rows / total / 2)), int(np.rint(columns / total / 2))


@njit(nogil=True, cache=True)
def _matches(other, now, window, y, x):
    """Share of 255 of the body in a window that has the same part (y, x) away in another map."""
    size = now.shape[0]
    body = same = 0
    for i in range(8):
        r = window[0] + (2 * i + 1) * (window[1] - window[0]) // 16
        up = min(max(r + y, 0), size - 1)
        for j in range(8):
            c = window[2] + (2 * j + 1) * (window[3] - window[2]) // 16
            if now[r, c, 0] > 0:
                body += 1
                same += now[r, c, 0] == other[up, min(max(c + x, 0), size - 1), 0]
    return 255 * same // body if body else 255


@njit(nogil=True, cache=True)
def _window(bounds, i, j):
    """Top, bottom, left and right of a block and what is around it, half a block to each side."""
    size, high, wide = bounds[-1], (bounds[i + 1] - bounds[i]) // 2, (bounds[j + 1] - bounds[j]) // 2
    return max(bounds[i] - high, 0), min(bounds[i + 1] + high, size), max(bounds[j] - wide, 0), min(bounds[j + 1] + wide, size)


@njit(nogil=True, cache=True)
def _best(before, now, after, trusted, window, tried, reach):
    """The best of the ways `tried` (n, 2), the first of them without UNLIKELY, or of those up to `reach` around it; at each step half."""
    best = _cost(before, now, after, trusted, window, tried[0, 0], tried[0, 1], MOST)
    y, x = tried[0]
    for k in range(1, len(tried)):
        if tried[k, 0] != y or tried[k, 1] != x:
            cost = UNLIKELY + _cost(before, now, after, trusted, window, tried[k, 0], tried[k, 1], best)
            if cost < best:
                y, x, best = tried[k, 0], tried[k, 1], cost
    while reach > 0 and best > UNLIKELY:
        top, left = y, x
        for turn in TURNS:
            down, right = top + reach * turn[0], left + reach * turn[1]
            cost = UNLIKELY + _cost(before, now, after, trusted, window, down, right, best)
            if cost < best:
                y, x, best = down, right, cost
        if y == top and x == left:
            reach //= 2
    return y, x


@njit(nogil=True, cache=True)
def _find(before, now, after, trusted, old_places, new_places, bounds, earlier, way, match, busy):
    """Fill in the ways: once from the top left, once back, so that what one block finds reaches all."""
    count = len(busy)
    for maps in (before, now, after):
        _busy(maps, bounds, busy)
    tried = np.zeros((5, 2), np.int64)
    for i in range(count):
        for j in range(count):
            if busy[i, j]:
                tried[1], tried[2], tried[3] = earlier[i, j], way[max(i - 1, 0), j], way[i, max(j - 1, 0)]
                tried[4, 0], tried[4, 1] = _went(now if trusted else before, bounds, i, j, old_places, new_places)
                way[i, j, 0], way[i, j, 1] = _best(before, now, after, trusted, _window(bounds, i, j), tried, 2)
    for i in range(count - 1, -1, -1):
        for j in range(count - 1, -1, -1):
            if busy[i, j]:
                window = _window(bounds, i, j)
                tried[0], tried[1], tried[2] = way[i, j], way[min(i + 1, count - 1), j], way[i, min(j + 1, count - 1)]
                y, x = _best(before, now, after, trusted, window, tried[:3], 1)
                way[i, j, 0], way[i, j, 1] = y, x
                match[i, j, 0], match[i, j, 1] = _matches(before, now, window, -y, -x), _matches(after, now, window, y, x)
