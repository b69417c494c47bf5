"""A second grid, smooth over the body: where the source shows what a driving pixel shows, to fractions of a pixel.

The coarse grid is exact and jumps from pixel to pixel: U and V have 8 bits, a source pixel is a whole one, and of a part that the source
shows as a sliver every pixel reads that sliver, which is the silhouette's edge and half background. The smooth grid takes, whatever its
part, what is nearest on the body (`fill`) among the source pixels inside of the silhouette, and then the mean of its surroundings.

Why, and the colour errors of both grids on rendered people: docs/compose.md.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ..video.plate import grown
from .fill import LOST, SourceSurface

RIM = 1 / 128
"""Width of the silhouette's edge that is not read, as a share of the frame's height."""
REACH = 2
"""Pixels to every side that a mean is taken over."""
TOLERANCE = 3 / 128
"""How far the way of a pixel may depart from the mean way around it to count, as a share of the frame's height."""
NECKLINE = 0.15
"""Metres by which the upper back reads the chest lower: clothes are cut lower in front, where a back would get the throat's skin."""
HAIR = 0.2
"""Metres by which the back of a head reads the crown higher: hair is seen above the face in front, and all the way down behind."""


class SmoothGrid(NamedTuple):
    """`way` (H, W, 2) float32: x, y in pixels from a driving pixel to the place in the source that it reads, 0 on the background.

    `distance` (H, W) uint8: how far on the body that place lies, before the mean, as in `FilledGrid`.
    """

    way: np.ndarray
    distance: np.ndarray


class SmoothSurface:
    """The body inside of the silhouette of a source frame's IUV map (H, W, 3) uint8, asked for any number of driving frames.

    `rim`, `reach`, `tolerance`, `neckline` and `hair` stand in for RIM, REACH, TOLERANCE, NECKLINE and HAIR.
    """

    def __init__(
        self,
        source_iuv: np.ndarray,
        rim: float = RIM,
        reach: int = REACH,
        tolerance: float = TOLERANCE,
        neckline: float = NECKLINE,
        hair: float = HAIR,
    ):
        self._reach, self._tolerance = reach, tolerance
        self._surface = SourceSurface(without_edge(source_iuv, rim), neckline=neckline, hair=hair)

    def grid(self, driving_iuv: np.ndarray) -> SmoothGrid:
        """The smooth grid to `driving_iuv` (H, W, 3) uint8. Where the source shows no body, body pixels read themselves."""
        height, width = driving_iuv.shape[:2]
        nearest, way = self._surface.nearest(driving_iuv), np.zeros((height, width, 2), np.float32)
        body = (driving_iuv[..., 0] > 0) & (nearest.distance < LOST)
        _average(body, nearest.index, self._reach, np.float32((self._tolerance * height) ** 2), way)
        return SmoothGrid(way, nearest.distance)


def without_edge(iuv: np.ndarray, rim: float = RIM) -> np.ndarray:
    """An IUV map (H, W, 3) uint8 without the body pixels within `rim` of the silhouette's edge; as it is where no others are left."""
    inside = ~grown(iuv[..., 0] == 0, round(rim * iuv.shape[0]))
    return np.where(inside[..., None], iuv, np.uint8(0)) if inside.any() else iuv


@njit(nogil=True, cache=True)
def _average(body, index, reach, tolerance, way):
    """Set `way` (H, W, 2) of the pixels in `body` (H, W) to the mean of the ways within `reach`, of those within the squared `tolerance` of
    their own surroundings' mean; to its own where there is none."""
    height, width = body.shape
    ways = np.empty((height, width, 2), np.int32)
    top, bottom, left, right = height, 0, width, 0
    for r in range(height):
        for c in range(width):
            if body[r, c]:
                ways[r, c, 0], ways[r, c, 1] = index[r, c] % width - c, index[r, c] // width - r
                top, bottom, left, right = min(top, r), r + 1, min(left, c), max(right, c + 1)
    if bottom > 0:
        counted, own, mean = body[top:bottom, left:right], ways[top:bottom, left:right], way[top:bottom, left:right]
        sums, good = _sums(own, counted, reach), np.zeros(counted.shape, np.bool_)
        for r in range(len(counted)):
            for c in range(counted.shape[1]):
                if counted[r, c]:
                    x, y = sums[r, c, 0] / sums[r, c, 2], sums[r, c, 1] / sums[r, c, 2]
                    good[r, c] = (own[r, c, 0] - x) ** 2 + (own[r, c, 1] - y) ** 2 < tolerance
        sums = _sums(own, good, reach)
        for r in range(len(counted)):
            for c in range(counted.shape[1]):
                if counted[r, c]:
                    for k in range(2):
                        mean[r, c, k] = sums[r, c, k] / sums[r, c, 2] if sums[r, c, 2] else own[r, c, k]


@njit(nogil=True, cache=True)
def _sums(ways, counted, reach):
    """Sums (H, W, 3) of x and y of the ways (H, W, 2) within `reach` of every pixel that are `counted` (H, W), and how many there are."""
    height, width = counted.shape
    along = np.zeros((height, width, 3), np.int32)
    for r in range(height):
        x = y = count = 0
        for c in range(width + reach):
            if c < width and counted[r, c]:
                x, y, count = x + ways[r, c, 0], y + ways[r, c, 1], count + 1
            gone = c - 2 * reach - 1
            if gone >= 0 and counted[r, gone]:
                x, y, count = x - ways[r, gone, 0], y - ways[r, gone, 1], count - 1
            if c >= reach:
                along[r, c - reach] = x, y, count
    sums = np.zeros((height, width, 3), np.int32)
    total = np.zeros((width, 3), np.int32)
    for r in range(height + reach):
        if r < height:
            total += along[r]
        if r - 2 * reach - 1 >= 0:
            total -= along[r - 2 * reach - 1]
        if r >= reach:
            sums[r - reach] = total
    return sums
