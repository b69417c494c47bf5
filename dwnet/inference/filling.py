"""What a generator that copies reads of a video's source and frames: filled and carried grids, distances, the plate."""

from typing import NamedTuple

import numpy as np

from densepose_cache.video.plate import background_plate
from densepose_cache.warp.carry import filled_and_carried
from densepose_cache.warp.fill import SourceSurface
from densepose_cache.warp.smooth import SmoothGrid, SmoothSurface

from .driving import Driving


class Filled(NamedTuple):
    """A grid filled and carried: `index` (S, S), `distance` (S, S) uint8 as in `FilledGrid`, `edge` (S, S) uint8 as `carried` gives it.

    `smooth` is the second grid; grids between driving frames have none.
    """

    index: np.ndarray
    distance: np.ndarray
    edge: np.ndarray
    smooth: SmoothGrid | None = None


class FilledDriving:
    """What drives a video, with all its grids filled; source and plate are (S, S, 3) uint8."""

    def __init__(self, driving: Driving):
        self.driving = driving
        self.plate = background_plate(driving.source, driving.source_iuv)
        self._surface = SourceSurface(driving.source_iuv)
        self._smooth = SmoothSurface(driving.source_iuv)

    def source(self, number: int) -> Filled:
        """The grid from the source to frame `number`."""
        iuv = self.driving.iuv(number)
        grid = filled_and_carried(self._surface, self.driving.source_iuv, iuv, self.driving.source_grid(number))
        return Filled(*grid, self._smooth.grid(iuv))

    def previous(self, number: int) -> Filled:
        """The grid from frame `number - 1` to frame `number`; `number` >= 1."""
        before, iuv = self.driving.iuv(number - 1), self.driving.iuv(number)
        return Filled(*filled_and_carried(SourceSurface(before), before, iuv, self.driving.previous_grid(number)))
