"""A map from itself and its neighbours in time: the part by a vote along the ways, U and V by a mean of those that have it."""

from collections.abc import Sequence

import numpy as np
from numba import njit

from .trajectories import Ways, edges

OWN, NEAR, OUTER = 3, 2, 1
"""Weights in means of a frame itself, of those beside it, and of those beside these."""
MATCHED = 192
"""Share of 255 of the body in a block that must be found again on both sides for pixels of it to be taken away."""
LEAP = 40
"""Levels of U or V by which a neighbour may differ to count in the mean."""
NO_PART = 255


def steadied(maps: Sequence[np.ndarray], trusted: bool, wide: bool, ways: Ways) -> np.ndarray:
    """The middle one of five `maps` (S, S, 3) uint8, evened out along its `ways`.

    Where it is not `trusted`, the others alone count; unless `wide`, the outer two do not.
    """
    found = maps[2].copy()
    _even_out(*maps, trusted, wide, edges(found.shape[0]), *ways, found)
    return found


@njit(nogil=True, cache=True)
def _even_out(a, b, now, d, e, trusted, wide, bounds, way, match, busy, found):
    seen = np.zeros((5, 3), np.uint8)
    for i in range(len(busy)):
        for j in range(len(busy)):
            if not busy[i, j]:
                continue
            sure = not trusted or min(match[i, j, 0], match[i, j, 1]) >= MATCHED
            for r in range(bounds[i], bounds[i + 1]):
                for c in range(bounds[j], bounds[j + 1]):
                    _look(a, b, now, d, e, r, c, way[i, j], seen)
                    if not wide:
                        seen[0, 0] = seen[4, 0] = NO_PART
                    part = _part(seen[:, 0], trusted)
                    if part == 0 and (sure or seen[2, 0] == 0):
                        found[r, c] = 0
                    elif part > 0:
                        found[r, c, 0] = part
                        for channel in range(1, 3):
                            found[r, c, channel] = _mean(seen, trusted, part, channel)


@njit(nogil=True, cache=True)
def _look(a, b, now, d, e, r, c, way, seen):
    """Note what the five maps show along the `way` (2,) of the pixel (r, c)."""
    size = now.shape[0]
    y, x = np.int64(way[0]), np.int64(way[1])
    for channel in range(3):
        seen[0, channel] = a[min(max(r - 2 * y, 0), size - 1), min(max(c - 2 * x, 0), size - 1), channel]
        seen[1, channel] = b[min(max(r - y, 0), size - 1), min(max(c - x, 0), size - 1), channel]
        seen[2, channel] = now[r, c, channel]
        seen[3, channel] = d[min(max(r + y, 0), size - 1), min(max(c + x, 0), size - 1), channel]
        seen[4, channel] = e[min(max(r + 2 * y, 0), size - 1), min(max(c + 2 * x, 0), size - 1), channel]


@njit(nogil=True, cache=True)
def _part(parts, trusted):
    """The part of the middle one of five: another than its own only where both beside it agree and the outer two do not hold against it."""
    first, before, own, after, last = parts
    if before == after:
        against = (first == own) + (last == own) - (first == before) - (last == before)
        return before if not trusted or against < 1 else own
    if trusted:
        return own
    return after if (first == after) + (last == after) > (first == before) + (last == before) else before


@njit(nogil=True, cache=True)
def _mean(seen, trusted, part, channel):
    """The value of the pixels with this part: in pairs around the frame's own, so that nothing lags; without it the mean of all."""
    own, total, count = np.int64(seen[2, channel]), 0, 0
    if trusted and seen[2, 0] == part:
        total, count = OWN * own, OWN
        for k in range(1, 3):
            old, new = np.int64(seen[2 - k, channel]), np.int64(seen[2 + k, channel])
            if seen[2 - k, 0] == part and seen[2 + k, 0] == part and abs(old - own) < LEAP and abs(new - own) < LEAP:
                weight = NEAR if k == 1 else OUTER
                total, count = total + weight * (old + new), count + 2 * weight
    else:
        for k in (0, 1, 3, 4):
            if seen[k, 0] == part:
                weight = OUTER if k == 0 or k == 4 else NEAR
                total, count = total + weight * np.int64(seen[k, channel]), count + weight
    return np.uint8((2 * total + count) // (2 * count))
