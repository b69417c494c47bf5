"""Coarse warp grids by exact search in the lattice of (U, V) values: what `SourceTrees` finds, in compiled code.

U and V are whole numbers in 0..255, so the source points of a part lie on a lattice of 256x256 codes. A table holds the `reach` of every
code (U, V) of every part: how far along U the next source point with the same V is. The squared distance from a driving pixel to the part
is then the least reach(U, x)² + (x - V)² of all columns x: the second half of an exact distance transform, done only where it is asked for.

- Columns are visited outwards from V, two a step, until the step alone is farther than the best so far. Most pixels need few steps.
- After STEPS steps all 256 columns are taken at once instead. The processor does eight at a time, so that this costs no more than some ten
  steps, however far away or thinly scattered the source points are.

Of all source points at that distance the one with the lowest index is taken. The table is filled by two sweeps over bytes, 32 at a time,
for the parts that the source has. The kernels do without the interpreter's lock, so that threads compute side by side.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit

from ..iuv import PARTS
from .grid import CODES, WarpGrid, check_maps, index_dtype

STEPS = 6
SIDE = 256
"""Values of U, and of V."""
EMPTY = SIDE - 1
"""Reach of a code whose column holds no source point; also the reach from one end of a column to the other."""
FAR = 1 << 30
"""Above every squared distance and every index."""
SQUARES = np.arange(-EMPTY, SIDE, dtype=np.int32) ** 2


class SourceLattice:
    """The lattices of a source frame's IUV map (H, W, 3) uint8, filled once and searched for any number of driving frames.

    Takes 8 MB. Raises ValueError as `check_maps` does.
    """

    def __init__(self, source_iuv: np.ndarray):
        check_maps([source_iuv])
        self._shape = source_iuv.shape
        self._source = np.ascontiguousarray(source_iuv).reshape(-1, 3)
        self._present = np.zeros(PARTS + 1, bool)
        self._reach = np.empty((PARTS + 1) * CODES, np.uint8)
        self._first = np.empty((PARTS + 1) * CODES, np.int32)
        _fill(self._source, self._present, self._reach, self._first)

    def grids(self, driving_iuvs: Sequence[np.ndarray]) -> list[WarpGrid]:
        """The grids to the IUV maps `driving_iuvs`, each (H, W, 3) uint8 like the source's; equal to those of `SourceTrees`."""
        check_maps(driving_iuvs, self._shape)
        size = len(self._source)
        codes, pixels = np.empty(size, np.uint32), np.empty(size, np.int32)
        grids = []
        for driving in driving_iuvs:
            index, visible = np.empty(size, np.int32), np.empty(size, bool)
            flat = np.ascontiguousarray(driving).reshape(-1, 3)
            asked = _ask(self._source, flat, self._present, index, visible, codes, pixels)
            _search(codes[:asked], self._reach, self._first, SQUARES, pixels, index)
            index = index.astype(index_dtype(*self._shape[:2])).reshape(self._shape[:2])
            grids.append(WarpGrid(index, visible.reshape(self._shape[:2])))
        return grids


@njit(nogil=True, cache=True)
def _fill(source, present, reach, first):
    """Fill in which parts `source` (N, 3) has, and for these the reach of every code and the lowest pixel at every source point."""
    for pixel in range(len(source)):
        present[source[pixel, 0]] = True
    present[0] = False
    for part in range(1, len(present)):
        if present[part]:
            reach[part << 16 : (part + 1) << 16] = EMPTY
    for pixel in range(len(source) - 1, -1, -1):
        part = np.int64(source[pixel, 0])
        if part:
            code = part << 16 | np.int64(source[pixel, 1]) << 8 | np.int64(source[pixel, 2])
            reach[code] = 0
            first[code] = pixel
    for part in range(1, len(present)):
        if present[part]:
            _sweep(reach[part << 16 : (part + 1) << 16])


@njit(nogil=True, cache=True)
def _sweep(reach):
    """Turn one part's `reach`, 0 at source points and EMPTY elsewhere, into the distances along U."""
    one, most = np.uint8(1), np.uint8(EMPTY - 1)
    for code in range(SIDE, CODES):
        reach[code] = min(reach[code], np.uint8(min(reach[code - SIDE], most) + one))
    for u in range(SIDE - 2, -1, -1):
        for v in range(SIDE):
            reach[SIDE * u + v] = min(reach[SIDE * u + v], np.uint8(min(reach[SIDE * (u + 1) + v], most) + one))


@njit(nogil=True, cache=True)
def _ask(source, driving, present, index, visible, codes, pixels):
    """Fill in the pixels of a grid that need no search; list the codes and numbers of the others; return how many these are."""
    asked = 0
    for pixel in range(len(source)):
        part = np.int64(driving[pixel, 0])
        if part == 0:
            visible[pixel] = source[pixel, 0] == 0
            index[pixel] = pixel if visible[pixel] else 0
        else:
            visible[pixel] = present[part]
            index[pixel] = 0
            if present[part]:
                codes[asked] = part << 16 | np.int64(driving[pixel, 1]) << 8 | np.int64(driving[pixel, 2])
                pixels[asked] = pixel
                asked += 1
    return asked


@njit(nogil=True, cache=True)
def _search(codes, reach, first, squares, pixels, index):
    """Fill in, at the given `pixels`, the lowest of the source pixels that are nearest to `codes`."""
    for n in range(len(codes)):
        code = np.int64(codes[n])
        u, v = code >> 8 & 255, code & 255
        row = code - v
        best = np.int64(reach[code]) ** 2
        step = 1
        while step * step <= best and step <= STEPS:
            if step <= v:
                best = min(best, np.int64(reach[code - step]) ** 2 + step * step)
            if v + step < SIDE:
                best = min(best, np.int64(reach[code + step]) ** 2 + step * step)
            step += 1
        left, right = max(v - step + 1, 0), min(v + step, SIDE) - 1
        if step * step <= best:
            low, high = np.int32(FAR), np.int32(FAR)
            for x in range(SIDE):
                along = np.int32(reach[row + x])
                distance = np.int32((np.int32(along * along) + squares[EMPTY - v + x]) << 8)
                low = min(low, np.int32(distance + x))
                high = min(high, np.int32(distance + (EMPTY - x)))
            best, left, right = np.int64(low >> 8), np.int64(low & 255), EMPTY - np.int64(high & 255)
            if best >= EMPTY * EMPTY:
                best, left, right = _occupied(reach, row, v), 0, EMPTY
        lowest = FAR
        for place in range(row + left, row + right + 1):
            along = np.int64(reach[place])
            if along**2 + (place - code) ** 2 == best:
                above, below = place - SIDE * along, place + SIDE * along
                if along <= u and reach[above] == 0:
                    lowest = min(lowest, np.int64(first[above]))
                if u + along < SIDE and reach[below] == 0:
                    lowest = min(lowest, np.int64(first[below]))
        index[pixels[n]] = lowest


@njit(nogil=True, cache=True)
def _occupied(reach, row, v):
    """The squared distance from column `v` of `row` where columns without a source point, which look EMPTY away, could be mistaken."""
    best, top = FAR, row >> 16 << 16
    for x in range(SIDE):
        if reach[top + x] != EMPTY or reach[top + EMPTY * SIDE + x] != EMPTY:
            best = min(best, np.int64(reach[row + x]) ** 2 + (x - v) ** 2)
    return best
