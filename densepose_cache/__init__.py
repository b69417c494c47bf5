"""Decode videos, extract DensePose IUV maps and precompute coarse warp grids into HDF5 shards."""
