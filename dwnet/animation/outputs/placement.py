"""Where the generated square lies in the photo, at the size at which that is shown."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from densepose_cache.core.geometry import Geometry

Window = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, the last two excluded."""


@dataclass(frozen=True)
class Placement:
    """The square that `geometry` cuts out of the photo, in the photo at `scale` times its size, `width` x `height` pixels."""

    geometry: Geometry
    scale: float
    width: int
    height: int

    @property
    def pixels(self) -> float:
        """Side of a pixel of the square, in pixels of the photo."""
        return self.scale * self.geometry.side / self.geometry.size

    @property
    def origin(self) -> tuple[float, float]:
        """Left and top of the square in the photo; negative where it begins outside."""
        return self.geometry.origin[0] * self.scale, self.geometry.origin[1] * self.scale

    @property
    def inside(self) -> Window:
        """The pixels of the photo that lie in the box as a whole."""
        left, top, right, bottom = (edge * self.scale for edge in self.geometry.inside)
        return math.ceil(left), math.ceil(top), min(math.floor(right), self.width), min(math.floor(bottom), self.height)

    @property
    def cut(self) -> tuple[bool, bool, bool, bool]:
        """Whether the photo goes on beyond the left, top, right and bottom of the box."""
        left, top, right, bottom = self.geometry.inside
        return left > 0, top > 0, right < self.geometry.width, bottom < self.geometry.height

    def window(self, mask: np.ndarray) -> Window | None:
        """The pixels of the photo that the true pixels of `mask` (S, S) bool reach; None if there are none."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            return None
        (x, y), (left, top, right, bottom) = self.origin, self.inside
        first = lambda number, start, bound: max(bound, math.floor(start + (number - 1) * self.pixels))  # noqa: E731
        last = lambda number, start, bound: min(bound, math.ceil(start + (number + 2) * self.pixels))  # noqa: E731
        found = first(columns[0], x, left), first(rows[0], y, top), last(columns[-1], x, right), last(rows[-1], y, bottom)
        return found if found[0] < found[2] and found[1] < found[3] else None

    def enlarged(self, picture: np.ndarray, window: Window) -> np.ndarray:
        """A picture (S, S) or (S, S, 3) uint8 of the square as the photo's pixels of `window` show it, bicubic."""
        left, top, right, bottom = window
        (x, y), size = self.origin, self.geometry.size
        edges = [(edge - start) / self.pixels for edge, start in zip(window, (x, y, x, y), strict=True)]
        box = tuple(min(max(edge, 0.0), float(size)) for edge in edges)
        return np.asarray(Image.fromarray(picture).resize((right - left, bottom - top), Image.Resampling.BICUBIC, box))

    def reduced(self, photo: np.ndarray, square: np.ndarray) -> np.ndarray:
        """`square` (S, S) or (S, S, 3) uint8 with what `photo` (height, width) or (height, width, 3) uint8 shows, wherever a pixel lies in
        the box as a whole."""
        left, top, right, bottom = self.inside
        (x, y), part, found = self.origin, photo[top:bottom, left:right], square.copy()
        first = [math.ceil((edge - start) / self.pixels) for edge, start in ((left, x), (top, y))]
        last = [math.floor((edge - start) / self.pixels) for edge, start in ((right, x), (bottom, y))]
        box = [
            at * self.pixels + start - edge for at, start, edge in zip((*first, *last), (x, y, x, y), (left, top, left, top), strict=True)
        ]
        box = (max(box[0], 0), max(box[1], 0), min(box[2], part.shape[1]), min(box[3], part.shape[0]))
        kind = Image.Resampling.BOX if self.pixels > 1 else Image.Resampling.BICUBIC
        shown = Image.fromarray(part).resize((last[0] - first[0], last[1] - first[1]), kind, box)
        found[first[1] : last[1], first[0] : last[0]] = np.asarray(shown)
        return found
