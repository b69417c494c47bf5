"""Decode videos, extract DensePose IUV maps and precompute coarse warp grids into HDF5 shards."""

from pathlib import Path

from .core.compiled import place_cache

place_cache(Path(__file__).parent)
