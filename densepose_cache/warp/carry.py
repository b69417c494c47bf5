"""What lies just outside of the body, hair and loose clothes above all, moves with it: the grid carried over the body's edge.

DensePose's maps end where the body ends. A background pixel near the driving body takes the source pixel that lies from the source of the
nearest body pixel as it lies from that pixel itself. Of several that are equally near it is the one in the nearest column, then the left
and then the upper one.

The nearest body pixel is exact. A sweep up the body's surroundings notes of every pixel where its column has body next, a sweep down keeps
where it had it last. The least squared distance is then found row by row, for all columns at once, one step to the left and right at a
time: a key holds the squared distance in its high bits, and in its low ones, which only decide between equal distances, step and side.
"""

import functools

import numpy as np
from numba import njit

from .fill import LOST, FilledGrid, SourceSurface

REACH = 0.1
"""How far a grid is carried, as a share of the frame's height."""
NONE = 1 << 15
"""Row of body that is not there, farther than any reach."""


def carried(filled: FilledGrid, source_iuv: np.ndarray, driving_iuv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The grid (H, W) carried over the edge of the body of `driving_iuv` (H, W, 3) uint8, and the distance from it (H, W) uint8.

    The distance is in pixels of a frame of 256, from 1 up to its REACH; 0 on the body, beyond the reach, and where the way ends on the body
    of `source_iuv`: there each background pixel reads itself.
    """
    height, width = filled.index.shape
    index, edge = np.arange(height * width, dtype=filled.index.dtype).reshape(height, width), np.zeros((height, width), np.uint8)
    source, driving = np.ascontiguousarray(source_iuv), np.ascontiguousarray(driving_iuv)
    _carry(source, driving, filled.index, filled.distance, int(REACH * height), edge_values(height), index, edge)
    return index, edge


def filled_and_carried(
    surface: SourceSurface, source_iuv: np.ndarray, driving_iuv: np.ndarray, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The grid `index` (H, W) filled from `surface`, that of `source_iuv`, and carried over the edge of `driving_iuv`; the distances of
    `FilledGrid`, and that from the edge."""
    filled = surface.fill(driving_iuv, index)
    index, edge = carried(filled, source_iuv, driving_iuv)
    return index, filled.distance, edge


@functools.lru_cache(maxsize=8)
def edge_values(height: int) -> np.ndarray:
    """What `carried` calls the distance in a frame of this height, (n,) uint8 by squared distance in pixels, up to the reach."""
    squared = np.arange(int((REACH * height) ** 2) + 1)
    return np.maximum(np.rint(np.sqrt(squared) * 256 / height), 1).astype(np.uint8)


@njit(nogil=True, cache=True)
def _window(driving, margin):
    """First and last row and column, each plus one, of the body grown by `margin` pixels."""
    height, width = driving.shape[:2]
    top, bottom, left, right = height, 0, width, 0
    for r in range(height):
        first = 0
        while first < width and driving[r, first, 0] == 0:
            first += 1
        if first < width:
            last = width - 1
            while driving[r, last, 0] == 0:
                last -= 1
            top, bottom, left, right = min(top, r), r + 1, min(left, first), max(right, last + 1)
    return max(top - margin, 0), min(bottom + margin, height), max(left - margin, 0), min(right + margin, width)


@njit(nogil=True, cache=True)
def _next_rows(driving, distance, top, bottom, left, right):
    """The row of the next body pixel that is not LOST at or below every pixel of the window, int32; NONE where there is none."""
    below = np.full((bottom - top + 1, right - left), NONE, np.int32)
    for r in range(bottom - 1, top - 1, -1):
        for c in range(left, right):
            body = driving[r, c, 0] > 0 and distance[r, c] < LOST
            below[r - top, c - left] = r if body else below[r - top + 1, c - left]
    return below


@njit(nogil=True, cache=True)
def _nearest(keys, steps, bits, far, nearest):
    """Fill in the least key of every column, `nearest` (n,) int32, from the `keys` (n + 2 steps,) int32 of the row; at most `far`."""
    nearest[:] = far
    for step in range(steps + 1):
        to_left = np.int32(step * step << bits | 2 * step)
        to_right = np.int32(to_left + 1)
        left, right = keys[steps - step : steps - step + len(nearest)], keys[steps + step : steps + step + len(nearest)]
        for c in range(len(nearest)):
            nearest[c] = min(nearest[c], min(np.int32(left[c] + to_left), np.int32(right[c] + to_right)))


@njit(nogil=True, cache=True)
def _carry(source, driving, filled, distance, steps, edges, index, edge):
    height, width = filled.shape
    top, bottom, left, right = _window(driving, steps)
    if top >= bottom:
        return
    below = _next_rows(driving, distance, top, bottom, left, right)
    count, bits = right - left, 1
    while 1 << bits < 2 * steps + 2:
        bits += 1
    far = len(edges) << bits
    above, rows = np.full(count, -NONE, np.int32), np.empty(count, np.int32)
    keys, nearest = np.full(count + 2 * steps, far, np.int32), np.empty(count, np.int32)
    for r in range(top, bottom):
        for c in range(count):
            ahead = below[r - top, c]
            if ahead == r:
                above[c] = r
            rows[c] = above[c] if r - above[c] <= ahead - r else ahead
            apart = abs(rows[c] - r)
            keys[steps + c] = min(apart * apart, len(edges)) << bits
        _nearest(keys, steps, bits, far, nearest)
        for c in range(count):
            if driving[r, c + left, 0] > 0:
                index[r, c + left] = filled[r, c + left]
            elif nearest[c] < far:
                step = nearest[c] & (1 << bits) - 1
                column = c + (step >> 1 if step & 1 else -(step >> 1))
                start = filled[rows[column], column + left]
                y = min(max(start // width + r - rows[column], 0), height - 1)
                x = min(max(start % width + c - column, 0), width - 1)
                if source[y, x, 0] == 0:
                    index[r, c + left] = y * width + x
                    edge[r, c + left] = edges[nearest[c] >> bits]
