"""What drives a video: for every frame the IUV map and the coarse warp grids, from the cache or computed on the fly."""

from collections.abc import Sequence

import numpy as np
import torch

from densepose_cache.cache.reader import SplitReader
from densepose_cache.warp import source_frame


def grid_engine(device: torch.device) -> str:
    """The engine that is fastest where the generator runs: `torch` beside it on a GPU, `lattice` on the CPU."""
    return "torch" if device.type == "cuda" else "lattice"


class CachedDriving:
    """A clip of the cache that moves itself: source = its first frame, all grids from the cache."""

    def __init__(self, reader: SplitReader, clip: str):
        self._reader, self._clip = reader, clip
        self.source = reader.frames(clip, 0)
        """Source frame (S, S, 3) uint8; the only real frame that generation ever sees."""
        self.source_iuv = reader.iuv(clip, 0)
        """Its IUV map (S, S, 3) uint8."""

    def iuv(self, number: int) -> np.ndarray:
        """IUV map (S, S, 3) uint8 of frame `number`."""
        return self._reader.iuv(self._clip, number)

    def source_grid(self, number: int) -> np.ndarray:
        """Coarse grid (S, S) of source indices, source frame to frame `number`."""
        return self._reader.grid(self._clip, 0, number)

    def previous_grid(self, number: int) -> np.ndarray:
        """Coarse grid (S, S) of source indices, frame `number - 1` to frame `number`; `number` >= 1."""
        return self._reader.grid(self._clip, number - 1, number)


class PairDriving:
    """The look of one clip and the motion of another: grids from the source are computed here, the motion's own come from the cache.

    `engine` is one of `densepose_cache.warp.ENGINES`.
    """

    def __init__(self, reader: SplitReader, source_clip: str, driving_clip: str, engine: str):
        self._reader, self._clip = reader, driving_clip
        self.source = reader.frames(source_clip, 0)
        self.source_iuv = reader.iuv(source_clip, 0)
        self._searched = source_frame(engine, self.source_iuv)

    def iuv(self, number: int) -> np.ndarray:
        """IUV map (S, S, 3) uint8 of frame `number` of the driving clip."""
        return self._reader.iuv(self._clip, number)

    def source_grid(self, number: int) -> np.ndarray:
        """Coarse grid (S, S) of source indices, source frame to driving frame `number`."""
        return self._searched.grids([self.iuv(number)])[0].index

    def previous_grid(self, number: int) -> np.ndarray:
        """Coarse grid (S, S) of source indices between driving frames `number - 1` and `number`; `number` >= 1."""
        return self._reader.grid(self._clip, number - 1, number)


class FreeDriving:
    """A picture and a sequence of IUV maps from anywhere; `engine`, one of `densepose_cache.warp.ENGINES`, computes all grids."""

    def __init__(self, source: np.ndarray, source_iuv: np.ndarray, driving_iuv: Sequence[np.ndarray], engine: str):
        self.source, self.source_iuv = source, source_iuv
        self._iuv, self._engine = driving_iuv, engine
        self._searched = source_frame(engine, source_iuv)

    def iuv(self, number: int) -> np.ndarray:
        """IUV map (S, S, 3) uint8 of driving frame `number`."""
        return self._iuv[number]

    def source_grid(self, number: int) -> np.ndarray:
        """Coarse grid (S, S) of source indices, picture to driving frame `number`."""
        return self._searched.grids([self._iuv[number]])[0].index

    def previous_grid(self, number: int) -> np.ndarray:
        """Coarse grid (S, S) of source indices between driving frames `number - 1` and `number`; `number` >= 1."""
        return source_frame(self._engine, self._iuv[number - 1]).grids([self._iuv[number]])[0].index


Driving = CachedDriving | PairDriving | FreeDriving
