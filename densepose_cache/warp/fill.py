"""Surface fill: what a driving pixel shows whose body part the source does not, read from the visible source pixel nearest on the body.

The paper's coarse grid matches part by part, so that from a front view a back view loses up to 70 % of the body. Here every such pixel
takes the source pixel that is nearest in the rest pose. Depth (front to back) counts less than height and width, except on the head, so
that a back takes the chest's cloth at the same place; the mirrored side may serve at a penalty. Exact correspondences are never touched.
Nothing of this is stored: grids are filled when they are read.
"""

import functools
from typing import NamedTuple

import numpy as np
from numba import njit

from ..iuv import PARTS
from .surface import BINS, SHIFT, surface_table

DEPTH = 0.25
"""Weight of a distance from front to back, on all parts but the head's."""
MIRROR = 0.05
"""Metres by which a pixel of the other side counts as farther."""
HEAD = (23, 24)
BACK, FRONT = 1, 2
"""Parts of the torso."""
SHOULDERS, CHEST = 0.78, 0.48
"""Rest-pose heights in metres between which a neckline lies."""
EARS, OCCIPUT = -0.084, -0.024
"""Rest-pose depths in metres from which on the head is hidden from the front, a bit and wholly."""
HIDDEN = 0.04
"""Metres from which on the place that a head's pixel reads is another one."""
CELL = 0.04
"""Side in metres of the cells of height and width in which source points are looked up."""
LOW, HIGH = -1.2, 1.2
"""Range of height and width in metres that the cells cover."""
CELLS = round((HIGH - LOW) / CELL)
TEXELS = (PARTS + 1) * BINS * BINS
UNKNOWN = -1
LOST = 255
"""Distance of a body pixel that nothing in the source can stand in for."""


class FilledGrid(NamedTuple):
    """A coarse warp grid without lost body pixels.

    `index` (H, W) unsigned: source pixel = row * W + column, as in `WarpGrid`. `distance` (H, W) uint8: how far on the body the place that
    a pixel reads lies from the place that it shows, in centimetres up to 254, depth weighted and the mirrored side at its penalty, and one
    more where the part was lost; 0 on the background, 255 where the source shows no body.
    """

    index: np.ndarray
    distance: np.ndarray


class SourceSurface:
    """The visible body of a source frame's IUV map (H, W, 3) uint8, laid out once and asked for any number of driving frames.

    `depth` and `mirror` stand in for DEPTH and MIRROR; with an infinite `mirror` the other side never serves. Where the back of the torso
    reads its front, it is looked up lower by `neckline` metres at the shoulders and by nothing from the chest down. Where the back of a
    head reads another place, it is looked up higher by `hair` metres.
    """

    def __init__(self, source_iuv: np.ndarray, depth: float = DEPTH, mirror: float = MIRROR, neckline: float = 0.0, hair: float = 0.0):
        flat = np.ascontiguousarray(source_iuv).reshape(-1, 3)
        self._source = flat
        self._present = np.zeros(PARTS + 1, np.bool_)
        self._table, self._rules = weighted_table(depth), (float(mirror), float(neckline), float(hair))
        self._points, self._pixels, self._starts = _lay_out(flat, self._table, self._present)
        self._nearest = np.full(TEXELS, UNKNOWN, np.int32)
        self._distance = np.empty(TEXELS, np.uint8)

    def fill(self, driving_iuv: np.ndarray, index: np.ndarray) -> FilledGrid:
        """The grid `index` (H, W) from this source to `driving_iuv` (H, W, 3) uint8, filled."""
        filled, distance = index.ravel().copy(), np.zeros(index.size, np.uint8)
        flat = np.ascontiguousarray(driving_iuv).reshape(-1, 3)
        layout = self._present, self._points, self._pixels, self._starts
        _fill(self._source, flat, self._table, *layout, self._rules, self._nearest, self._distance, filled, distance)
        return FilledGrid(filled.reshape(index.shape), distance.reshape(index.shape))

    def nearest(self, driving_iuv: np.ndarray) -> FilledGrid:
        """The visible source pixel that is nearest on the body to every body pixel of `driving_iuv` (H, W, 3) uint8, whatever its part, as
        `fill` finds it for lost ones. Background pixels read themselves."""
        flat = np.ascontiguousarray(driving_iuv).reshape(-1, 3)
        index, distance = np.arange(len(flat), dtype=np.int32), np.zeros(len(flat), np.uint8)
        layout = self._points, self._pixels, self._starts
        _find_all(self._source, flat, self._table, *layout, self._rules, self._nearest, self._distance, index, distance)
        return FilledGrid(index.reshape(driving_iuv.shape[:2]), distance.reshape(driving_iuv.shape[:2]))


@functools.lru_cache(maxsize=4)
def weighted_table(depth: float = DEPTH) -> np.ndarray:
    """`surface_table` (25 * 64 * 64, 3) with depth weighted: distances between its rows are those that the fill compares."""
    table = surface_table().copy()
    body = np.setdiff1d(np.arange(PARTS + 1), HEAD)
    table[body, ..., 1] *= np.float32(depth)
    return np.ascontiguousarray(table.reshape(-1, 3))


@njit(nogil=True, cache=True)
def _texel(iuv):
    return (np.int64(iuv[0]) * BINS + (iuv[1] >> SHIFT)) * BINS + (iuv[2] >> SHIFT)


@njit(nogil=True, cache=True)
def _cell(value):
    return min(max(int((value - LOW) / CELL), 0), CELLS - 1)


@njit(nogil=True, cache=True)
def _lay_out(source, table, present):
    """Points on the body that the source (N, 3) shows, each with its first pixel, sorted by cell, and where each cell starts."""
    first = np.full(TEXELS, UNKNOWN, np.int32)
    found = np.empty(len(source), np.int32)
    count = 0
    for pixel in range(len(source)):
        if source[pixel, 0] > 0:
            texel = _texel(source[pixel])
            present[source[pixel, 0]] = True
            if first[texel] == UNKNOWN:
                first[texel] = pixel
                found[count] = texel
                count += 1
    starts = np.zeros(CELLS * CELLS + 1, np.int32)
    for k in range(count):
        starts[_cell(table[found[k], 0]) * CELLS + _cell(table[found[k], 2]) + 1] += 1
    for cell in range(CELLS * CELLS):
        starts[cell + 1] += starts[cell]
    place = starts.copy()
    points, pixels = np.empty((count, 3), np.float32), np.empty(count, np.int32)
    for k in range(count):
        cell = _cell(table[found[k], 0]) * CELLS + _cell(table[found[k], 2])
        points[place[cell]], pixels[place[cell]] = table[found[k]], first[found[k]]
        place[cell] += 1
    return points, pixels, starts


@njit(nogil=True, cache=True)
def _nearest_of(x, y, z, points, starts, best):
    """The row in `points` that is nearest to a point and nearer than `best`, a squared distance; and its squared distance."""
    row, column = _cell(x), _cell(z)
    found = UNKNOWN
    for ring in range(CELLS):
        low_x, low_z = x - (LOW + (row - ring + 1) * CELL), z - (LOW + (column - ring + 1) * CELL)
        side = (2 * ring - 1) * CELL
        room = min(low_x, side - low_x, low_z, side - low_z)
        if room > 0 and room**2 >= best:
            break
        for i in range(max(row - ring, 0), min(row + ring, CELLS - 1) + 1):
            step = 1 if i == row - ring or i == row + ring else 2 * ring
            j = column - ring
            while j <= column + ring:
                if 0 <= j < CELLS:
                    cell = i * CELLS + j
                    for k in range(starts[cell], starts[cell + 1]):
                        squared = (points[k, 0] - x) ** 2 + (points[k, 1] - y) ** 2 + (points[k, 2] - z) ** 2
                        if squared < best:
                            best, found = squared, k
                j += step
    return found, best


@njit(nogil=True, cache=True)
def _nearest_of_both(x, y, z, points, starts, mirror):
    """The row in `points` that is nearest to a point on its own side or, at the penalty `mirror`, on the other; and its distance."""
    own, best = _nearest_of(x, y, z, points, starts, np.float32(1e9))
    metres = np.sqrt(best)
    if metres > mirror:
        other, squared = _nearest_of(-x, y, z, points, starts, np.float32((metres - mirror) ** 2))
        if other != UNKNOWN:
            own, metres = other, np.sqrt(squared) + mirror
    return own, metres


@njit(nogil=True, cache=True)
def _fill(source, driving, table, present, points, pixels, starts, rules, nearest, distances, index, distance):
    """Fill `distance` (N,) at the body pixels of `driving` (N, 3), and `index` (N,) at those whose part is not `present`."""
    for pixel in range(len(driving)):
        part = driving[pixel, 0]
        if part == 0:
            continue
        if present[part]:
            here, there = table[_texel(driving[pixel])], table[_texel(source[index[pixel]])]
            squared = (here[0] - there[0]) ** 2 + (here[1] - there[1]) ** 2 + (here[2] - there[2]) ** 2
            distance[pixel] = min(round(100 * np.sqrt(squared)), LOST - 1)
            continue
        if len(points) == 0:
            distance[pixel] = LOST
            continue
        texel = _texel(driving[pixel])
        _look_up(source, texel, table, points, pixels, starts, rules, nearest, distances)
        index[pixel] = nearest[texel]
        distance[pixel] = distances[texel]


@njit(nogil=True, cache=True)
def _look_up(source, texel, table, points, pixels, starts, rules, nearest, distances):
    """Set the source pixel `nearest` to a texel, and its distance, unless they are known."""
    if nearest[texel] == UNKNOWN:
        x, y, z = table[texel, 0], table[texel, 1], table[texel, 2]
        mirror, neckline, hair = rules
        own, metres = _nearest_of_both(x, y, z, points, starts, mirror)
        part, lift = texel // (BINS * BINS), 0.0
        if part == BACK and source[pixels[own], 0] == FRONT:
            lift = -neckline * min(max((z - CHEST) / (SHOULDERS - CHEST), 0.0), 1.0)
        elif part >= HEAD[0] and metres > HIDDEN:
            lift = hair * min(max((y - EARS) / (OCCIPUT - EARS), 0.0), 1.0)
        if lift != 0:
            own, metres = _nearest_of_both(x, y, z + lift, points, starts, mirror)
        distances[texel] = min(1 + round(100 * metres), LOST - 1)
        nearest[texel] = pixels[own]


@njit(nogil=True, cache=True)
def _find_all(source, driving, table, points, pixels, starts, rules, nearest, distances, index, distance):
    """Set `index` and `distance` (N,) of all body pixels of `driving` (N, 3)."""
    for pixel in range(len(driving)):
        if driving[pixel, 0] > 0 and len(points) == 0:
            distance[pixel] = LOST
        elif driving[pixel, 0] > 0:
            texel = _texel(driving[pixel])
            _look_up(source, texel, table, points, pixels, starts, rules, nearest, distances)
            index[pixel], distance[pixel] = nearest[texel], distances[texel]
