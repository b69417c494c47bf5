"""Coarse warp grids between IUV maps."""

from .grid import SourceTrees, WarpGrid, coarse_warp_grid, coordinates, visible_pixels

__all__ = ["SourceTrees", "WarpGrid", "coarse_warp_grid", "coordinates", "visible_pixels"]
