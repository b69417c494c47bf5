"""What a generator that copies reads of a video's source and frames: filled and carried grids, distances, the plate."""

from typing import NamedTuple

import numpy as np

from densepose_cache.video.plate import background_plate
from densepose_cache.warp.carry import carried
from densepose_cache.warp.fill import SourceSurface

from ..driving import Driving


class Filled(NamedTuple):
    """A grid filled and carried: `index` (S, S), `distance` (S, S) uint8 as in `FilledGrid`, `edge` (S, S) uint8 as `carried` gives it."""

    index: np.ndarray
    distance: np.ndarray
    edge: np.ndarray


class FilledDriving:
    """What drives a video, with all its grids filled; source and plate are (S, S, 3) uint8."""

    def __init__(self, driving: Driving):
        self.driving = driving
        self.plate = background_plate(driving.source, driving.source_iuv)
        self._surface = SourceSurface(driving.source_iuv)

    def source(self, number: int) -> Filled:
        """The grid from the source to frame `number`."""
        return _filled(self._surface, self.driving.source_iuv, self.driving.iuv(number), self.driving.source_grid(number))

    def previous(self, number: int) -> Filled:
        """The grid from frame `number - 1` to frame `number`; `number` >= 1."""
        before = self.driving.iuv(number - 1)
        return _filled(SourceSurface(before), before, self.driving.iuv(number), self.driving.previous_grid(number))


def _filled(surface: SourceSurface, source_iuv: np.ndarray, driving_iuv: np.ndarray, index: np.ndarray) -> Filled:
    filled = surface.fill(driving_iuv, index)
    index, edge = carried(filled, source_iuv, driving_iuv)
    return Filled(index, filled.distance, edge)
