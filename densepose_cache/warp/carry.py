"""What lies just outside of the body, hair and loose clothes above all, moves with it: the grid carried over the body's edge.

DensePose's maps end where the body ends. A background pixel near the driving body takes the source pixel that lies from the source of the
nearest body pixel as it lies from that pixel itself.
"""

import numpy as np
from numba import njit

from .fill import LOST, FilledGrid

REACH = 0.1
"""How far a grid is carried, as a share of the frame's height."""
FAR = 1 << 14


def carried(filled: FilledGrid, source_iuv: np.ndarray, driving_iuv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The grid (H, W) carried over the edge of the body of `driving_iuv` (H, W, 3) uint8, and the distance from it (H, W) uint8.

    The distance is in pixels of a frame of 256, from 1 up to its REACH; 0 on the body, beyond the reach, and where the way ends on the body
    of `source_iuv`: there each background pixel reads itself.
    """
    height, width = filled.index.shape
    index, edge = np.arange(height * width, dtype=filled.index.dtype).reshape(height, width), np.zeros((height, width), np.uint8)
    source, driving = np.ascontiguousarray(source_iuv), np.ascontiguousarray(driving_iuv)
    _carry(source, driving, filled.index, filled.distance, REACH * height, index, edge)
    return index, edge


@njit(nogil=True, cache=True)
def _try(rows, columns, squared, r, c, fr, fc):
    """Take over the nearest body pixel of the neighbour (fr, fc) at (r, c) where that is nearer than what is known."""
    if squared[fr, fc] < FAR * FAR:
        y, x = rows[fr, fc], columns[fr, fc]
        found = (r - y) * (r - y) + (c - x) * (c - x)
        if found < squared[r, c]:
            squared[r, c], rows[r, c], columns[r, c] = found, y, x


@njit(nogil=True, cache=True)
def _window(driving, margin):
    """First and last row and column, each plus one, of the body grown by `margin` pixels."""
    height, width = driving.shape[:2]
    top, bottom, left, right = height, 0, width, 0
    for r in range(height):
        for c in range(width):
            if driving[r, c, 0] > 0:
                top, bottom, left, right = min(top, r), max(bottom, r + 1), min(left, c), max(right, c + 1)
    return max(top - margin, 0), min(bottom + margin, height), max(left - margin, 0), min(right + margin, width)


@njit(nogil=True, cache=True)
def _carry(source, driving, filled, distance, reach, index, edge):
    height, width = filled.shape
    top, bottom, left, right = _window(driving, int(reach) + 1)
    rows, columns = np.empty((height, width), np.int32), np.empty((height, width), np.int32)
    squared = np.empty((height, width), np.int32)
    for r in range(top, bottom):
        for c in range(left, right):
            body = driving[r, c, 0] > 0
            if body:
                index[r, c] = filled[r, c]
            squared[r, c] = 0 if body and distance[r, c] < LOST else FAR * FAR
            rows[r, c], columns[r, c] = r, c
    for r in range(top, bottom):
        for c in range(left, right):
            if squared[r, c]:
                if r > top:
                    _try(rows, columns, squared, r, c, r - 1, c)
                    if c > left:
                        _try(rows, columns, squared, r, c, r - 1, c - 1)
                    if c + 1 < right:
                        _try(rows, columns, squared, r, c, r - 1, c + 1)
                if c > left:
                    _try(rows, columns, squared, r, c, r, c - 1)
        for c in range(right - 2, left - 1, -1):
            if squared[r, c]:
                _try(rows, columns, squared, r, c, r, c + 1)
    for r in range(bottom - 1, top - 1, -1):
        for c in range(right - 1, left - 1, -1):
            if squared[r, c]:
                if r + 1 < bottom:
                    _try(rows, columns, squared, r, c, r + 1, c)
                    if c > left:
                        _try(rows, columns, squared, r, c, r + 1, c - 1)
                    if c + 1 < right:
                        _try(rows, columns, squared, r, c, r + 1, c + 1)
                if c + 1 < right:
                    _try(rows, columns, squared, r, c, r, c + 1)
        for c in range(left + 1, right):
            if squared[r, c]:
                _try(rows, columns, squared, r, c, r, c - 1)
    for r in range(top, bottom):
        for c in range(left, right):
            if driving[r, c, 0] == 0 and squared[r, c] <= reach * reach:
                start = filled[rows[r, c], columns[r, c]]
                y = min(max(start // width + r - rows[r, c], 0), height - 1)
                x = min(max(start % width + c - columns[r, c], 0), width - 1)
                if source[y, x, 0] == 0:
                    index[r, c] = y * width + x
                    edge[r, c] = max(1, round(np.sqrt(squared[r, c]) * 256 / height))
