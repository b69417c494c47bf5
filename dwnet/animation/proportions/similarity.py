"""A scale and a shift of IUV maps."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Similarity:
    """Maps a point x, y of the picture, the first pixel from 0 to 1, to `width` * x + `x`, `height` * y + `y`, in pixels."""

    width: float = 1.0
    height: float = 1.0
    x: float = 0.0
    y: float = 0.0

    @property
    def identity(self) -> bool:
        """Whether nothing changes."""
        return self == Similarity()

    def apply(self, iuv: np.ndarray) -> np.ndarray:
        """The map (H, W, 3) uint8 scaled and shifted: every pixel takes the nearest, and background where that lies outside."""
        rows, columns = (_sources(size, *way) for size, way in zip(iuv.shape, ((self.height, self.y), (self.width, self.x)), strict=False))
        down, across = (np.flatnonzero((found >= 0) & (found < size)) for found, size in zip((rows, columns), iuv.shape, strict=False))
        out = np.zeros_like(iuv)
        out[down[:, None], across] = iuv[rows[down][:, None], columns[across]]
        return out

    def points(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2) of x, y, moved."""
        return points * (self.width, self.height) + (self.x, self.y)


def _sources(size: int, scale: float, shift: float) -> np.ndarray:
    """(size,) numbers of the pixels that come to lie on the pixels of a side, perhaps outside of it."""
    return np.floor((np.arange(size) + 0.5 - shift) / scale).astype(np.int64)
