"""Coarse warp grids between IUV maps."""

from .engines import ENGINES, source_frame
from .grid import SourceTrees, WarpGrid, coarse_warp_grid, coordinates, visible_pixels

__all__ = ["ENGINES", "SourceTrees", "WarpGrid", "coarse_warp_grid", "coordinates", "source_frame", "visible_pixels"]
