"""Coarse warp grids W[P(source) -> P(driving)] (paper, section 3.1): for every driving pixel the source pixel to take.

A driving pixel of part k takes the source pixel of part k that is nearest in (U, V); ties go to the lowest source index. Both maps
background: the pixel's own index. Source body and driving background, or a part that the source lacks: index 0, which is also the real
top-left pixel, so that `visible` stands beside the index.

A k-d tree compares distances only. Each source point therefore gets a third coordinate whose square, below 1, grows with its index: squared
(U, V) distances are whole numbers, so it decides between equal distances and nothing else, and one query finds the lowest index.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..iuv import PARTS

LEAF_SIZE = 32
CODES = 1 << 16
"""Number of (U, V) pairs."""
UNKNOWN = -1


@dataclass(frozen=True)
class WarpGrid:
    """A coarse warp grid.

    `index` (H, W) unsigned: source pixel = row * W + column. `visible` (H, W) bool: body pixels whose part the source has, and pixels that
    are background in both maps.
    """

    index: np.ndarray
    visible: np.ndarray

    def coordinates(self) -> np.ndarray:
        """Source coordinates (H, W, 2) float32 x, y in [-1, 1], corners aligned."""
        return coordinates(self.index)


def index_dtype(height: int, width: int) -> np.dtype:
    """The narrowest unsigned type that holds every pixel number of a height x width frame: uint16 up to 256x256, uint32 above."""
    return np.dtype(np.uint16 if height * width <= 1 << 16 else np.uint32)


def coordinates(index: np.ndarray) -> np.ndarray:
    """Source coordinates (..., H, W, 2) float32 of source indices (..., H, W), x and y in [-1, 1].

    Corners are aligned: x = 2 * column / (W - 1) - 1, as `grid_sample(..., align_corners=True)` reads it.
    """
    height, width = index.shape[-2:]
    row, column = np.divmod(index, index.dtype.type(width))
    x = (2 * np.arange(width) / max(width - 1, 1) - 1).astype(np.float32)
    y = (2 * np.arange(height) / max(height - 1, 1) - 1).astype(np.float32)
    return np.stack([x[column], y[row]], axis=-1)


def visible_pixels(source_iuv: np.ndarray, driving_iuv: np.ndarray) -> np.ndarray:
    """(H, W) bool: driving pixels whose part the source has, and pixels that are background in both maps (H, W, 3) uint8."""
    source, driving = source_iuv[..., 0], driving_iuv[..., 0]
    present = np.zeros(PARTS + 1, bool)
    present[source.ravel()] = True
    present[0] = False
    return present[driving] | ((source == 0) & (driving == 0))


def check_maps(iuvs: Sequence[np.ndarray], shape: tuple[int, ...] | None = None):
    """Raise ValueError unless `iuvs` are IUV maps (H, W, 3) uint8 with I in 0..24, all of the given `shape` where there is one."""
    for iuv in iuvs:
        if iuv.dtype != np.uint8 or iuv.ndim != 3 or iuv.shape[2] != 3 or iuv[..., 0].max(initial=0) > PARTS:
            raise ValueError(f"an IUV map is (H, W, 3) uint8 with I in 0..{PARTS}, this is {iuv.dtype} of shape {iuv.shape}")
        if shape is not None and iuv.shape != shape:
            raise ValueError(f"source map {shape} and driving map {iuv.shape} differ in size")


def uv_codes(iuv: np.ndarray) -> np.ndarray:
    """(H, W) int32: the three bytes of every pixel of an IUV map as one number, I * 65536 + U * 256 + V."""
    wide = iuv.astype(np.int32)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


class SourceTrees:
    """One k-d tree per body part of a source frame's IUV map (H, W, 3) uint8, built once and queried for any number of driving frames."""

    def __init__(self, source_iuv: np.ndarray):
        from sklearn.neighbors import KDTree

        check_maps([source_iuv])
        self.source_iuv = source_iuv
        self._nearest = np.full((PARTS + 1) * CODES, UNKNOWN, np.int32)
        self._trees: list[tuple[int, KDTree, np.ndarray]] = []
        codes, first = np.unique(uv_codes(source_iuv).ravel(), return_index=True)
        self._nearest[codes] = first
        for part, inside in _parts(codes):
            index = first[inside]
            if len(index):
                order = np.sqrt(index / source_iuv[..., 0].size)
                self._trees.append((part, KDTree(np.column_stack([*_uv(codes[inside]), order]), leaf_size=LEAF_SIZE), index))
            else:
                self._nearest[part * CODES : (part + 1) * CODES] = 0

    def grids(self, driving_iuvs: Sequence[np.ndarray]) -> list[WarpGrid]:
        """The grids to the IUV maps `driving_iuvs`, each (H, W, 3) uint8 like the source's; all their pixels are queried together."""
        check_maps(driving_iuvs, self.source_iuv.shape)
        codes = [uv_codes(driving) for driving in driving_iuvs]
        self._query(codes)
        height, width = self.source_iuv.shape[:2]
        own = np.arange(height * width, dtype=np.int32).reshape(height, width)
        background = np.where(self.source_iuv[..., 0] == 0, own, 0)
        grids = []
        for driving, code in zip(driving_iuvs, codes, strict=True):
            index = np.where(driving[..., 0] == 0, background, self._nearest[code])
            grids.append(WarpGrid(index.astype(index_dtype(height, width)), visible_pixels(self.source_iuv, driving)))
        return grids

    def _query(self, codes: list[np.ndarray]):
        """Fill the table of nearest source pixels at every code that occurs in `codes` and was never asked for before."""
        asked = np.zeros(len(self._nearest), bool)
        for code in codes:
            asked[code] = True
        wanted = np.flatnonzero(asked)
        wanted = wanted[self._nearest[wanted] == UNKNOWN]
        inside = dict(_parts(wanted))
        for part, tree, index in self._trees:
            queries = wanted[inside[part]]
            if len(queries):
                found = tree.query(np.column_stack([*_uv(queries), np.zeros(len(queries))]), return_distance=False)
                self._nearest[queries] = index[found[:, 0]]


def _parts(codes: np.ndarray) -> list[tuple[int, slice]]:
    """Every body part and where its codes lie in the sorted `codes`."""
    bounds = np.searchsorted(codes, np.arange(PARTS + 2) * CODES)
    return [(part, slice(bounds[part], bounds[part + 1])) for part in range(1, PARTS + 1)]


def _uv(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return codes >> 8 & 255, codes & 255


def coarse_warp_grid(source_iuv: np.ndarray, driving_iuv: np.ndarray) -> WarpGrid:
    """The coarse warp grid from `source_iuv` to `driving_iuv`, both (H, W, 3) uint8 in I, U, V order (paper, section 3.1)."""
    return SourceTrees(source_iuv).grids([driving_iuv])[0]
