"""What people are looked for on: a picture is footage of one frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from densepose_cache.core.geometry import Geometry


@dataclass(frozen=True)
class Footage:
    """Frames `numbers` (T,), ascending, of the file or folder `path`, each of `shape` (width, height).

    `decode(geometry, numbers)` yields some of them as squares (S, S, 3) uint8. `iuv_flag` and `person_flag` are the options
    that name files of IUV maps, and who is meant.
    """

    path: Path
    shape: tuple[int, int]
    numbers: np.ndarray
    decode: Callable[[Geometry, np.ndarray], Iterator[np.ndarray]]
    iuv_flag: str
    person_flag: str

    def whole(self, size: int) -> Geometry:
        """How a whole frame becomes a square of side `size`."""
        return Geometry.from_box(*self.shape, None, size)

    def spread(self, count: int) -> np.ndarray:
        """Places in `numbers` of at most `count` frames, evenly spread, the first and the last one among them."""
        return np.unique(np.linspace(0, len(self.numbers) - 1, count).round().astype(np.int64))


def to_source(boxes: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Boxes (..., 4), left, top, right, bottom in pixels of the square, in pixels of the source."""
    return np.asarray(boxes, float) * (geometry.side / geometry.size) + np.tile(geometry.origin, 2)


def to_square(boxes: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The inverse of `to_source`."""
    return (np.asarray(boxes, float) - np.tile(geometry.origin, 2)) * (geometry.size / geometry.side)
