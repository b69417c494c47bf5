"""How well pictures show each place of the body, and which of them a driving pixel is taken from.

A picture shows a place of the body as well as it has pixels there: their density on the surface falls with the angle of view, and is zero
on the side that is turned away. Densities are compared once, on the body itself and not in a frame, so that the choice moves along with
the body: it does not flicker, and it has no grain.
"""

import functools
import math
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from densepose_cache.warp.carry import REACH
from densepose_cache.warp.fill import EARS, HEAD, TEXELS
from densepose_cache.warp.smooth import without_edge
from densepose_cache.warp.surface import BINS, SHIFT, surface_table

VOXEL = 0.02
"""Side in metres of the cells in which pixels are counted."""
SCALES = {0.03: 1.0, 0.09: 1e-3, 0.27: 1e-6}
"""Widths in metres over which densities are taken, and their weights: the wider ones decide where nothing is seen nearby."""
LEAST = 1e-12
"""Density that every place has."""
SHARPNESS = 12.0
"""Power of the density that shares go by: a picture whose density is a fifth larger gets nine times the share."""
ADVANTAGE = 1.3
"""Factor by which a picture must show a place better than each one that shows more of the body."""
FACE = 8.0
"""Factor of the picture that shows most of the face, there: no face is put together from two."""
FADE = 0.03
"""Metres over which that factor begins."""
VOTE = 5 / 256
"""Width, as a share of the frame's height, of the surroundings on the body that a pixel is decided with: slivers go with what is beside."""
DECIDED = 3
"""Power of the votes: seams are narrower than what is asked."""
HALO = 6 / 256
"""The same around the body."""


class SurfaceViews:
    """Several IUV maps (H, W, 3) uint8 of one person, asked for the share that each picture has in any number of driving frames."""

    def __init__(self, maps: Sequence[np.ndarray]):
        counts = np.stack([_counts(iuv) for iuv in maps])
        density = np.log(np.stack([_density(count) for count in counts]) + LEAST)
        seen = counts.sum(1)
        rank = np.argsort(np.argsort(-seen, kind="stable"))
        density -= np.log(ADVANTAGE) * rank[:, None]
        face, extent = _face(), np.array([_face_seen(count) for count in counts])
        if extent.any():
            density[extent.argmax()] += np.log(FACE) * face
        shares = np.exp(SHARPNESS * (density - density.max(0)))
        self._shares = (shares / shares.sum(0)).astype(np.float32)

    def shares(self, driving_iuv: np.ndarray) -> np.ndarray:
        """The share (K, H, W) float32 of every picture in the pixels of `driving_iuv` (H, W, 3) uint8; they sum to 1.

        Pixels around the body go with the nearest of its pixels, and with the first picture from the reach of carried grids on.
        """
        height = driving_iuv.shape[0]
        body = driving_iuv[..., 0] > 0
        shares = np.zeros((len(self._shares), *body.shape), np.float32)
        shares[0] = 1
        if not body.any():
            return shares
        distance, nearest = distance_transform_edt(~body, return_indices=True)
        voted = self._shares[:, _texels(driving_iuv)] * body
        votes = gaussian_filter(voted, (0, VOTE * height, VOTE * height), mode="constant")[:, *nearest]
        decided = (votes / votes.sum(0)) ** DECIDED
        near = decided / decided.sum(0)
        around = gaussian_filter(near, (0, HALO * height, HALO * height), mode="nearest")
        steps = distance.astype(np.float32) / (REACH * height)
        mixed = near + np.clip(4 * steps, 0, 1) * (around - near)
        return shares + np.clip(2 - 2 * steps, 0, 1) * (mixed - shares)


def _texels(iuv: np.ndarray) -> np.ndarray:
    """Row (H, W) in the flat table of the surface of every pixel of a map (H, W, 3) uint8."""
    wide = iuv.astype(np.int32)
    return (wide[..., 0] * BINS + (wide[..., 1] >> SHIFT)) * BINS + (wide[..., 2] >> SHIFT)


def _counts(iuv: np.ndarray) -> np.ndarray:
    """Pixels (TEXELS,) that a map shows of every texel, without the silhouette's edge, where maps and pictures disagree."""
    inside = without_edge(iuv)
    return np.bincount(_texels(inside)[inside[..., 0] > 0], minlength=TEXELS)


def _density(counts: np.ndarray) -> np.ndarray:
    """Pixels (TEXELS,) in the surroundings of every texel, weighted by their distance in the rest pose."""
    cells, shape = _cells()
    seen = np.flatnonzero(counts)
    places = np.ravel_multi_index(tuple(np.rint(cells[:, seen]).astype(int)), shape)
    volume = np.bincount(places, counts[seen], math.prod(shape)).reshape(shape).astype(np.float32)
    blurred = sum(weight * gaussian_filter(volume, scale / VOXEL, mode="constant") for scale, weight in SCALES.items())
    return map_coordinates(blurred, cells, order=1)


@functools.cache
def _cells() -> tuple[np.ndarray, tuple[int, ...]]:
    """Where the texels lie among the cells, (3, TEXELS) float32, and how many cells there are along each axis."""
    table = surface_table().reshape(-1, 3)
    cells = np.ascontiguousarray(((table - table.min(0)) / VOXEL).T)
    return cells, tuple((np.ceil(cells.max(1)) + 1).astype(int).tolist())


@functools.cache
def _face() -> np.ndarray:
    """How much of the face every texel is, (TEXELS,) in [0, 1]."""
    table = surface_table()
    face = np.zeros(table.shape[:3], np.float32)
    face[list(HEAD)] = np.clip((EARS - table[list(HEAD), ..., 1]) / FADE, 0, 1)
    return face.ravel()


def _face_seen(counts: np.ndarray) -> float:
    """Pixels of the face, twice those of its half that is seen less."""
    by_part = (counts * _face()).reshape(-1, BINS * BINS).sum(1)
    return 2 * by_part[list(HEAD)].min()
