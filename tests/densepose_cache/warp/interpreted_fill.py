"""Compare filled, smooth and carried grids in interpreted kernels (NUMBA_DISABLE_JIT=1) with searches, and make a plate."""

import numpy as np
from random_maps import random_map
from surface_search import assert_filled, assert_nearest, carried_by_search, smooth_by_search

from densepose_cache.video.plate import background_plate
from densepose_cache.warp import coarse_warp_grid
from densepose_cache.warp.carry import carried
from densepose_cache.warp.fill import SourceSurface
from densepose_cache.warp.smooth import SmoothSurface


def main():
    rng = np.random.default_rng(4)
    for kind, parts in (("sparse", [0, 2, 9]), ("corners", [0, 1, 23]), ("smooth", [3]), ("noise", [0])):
        source = random_map(rng, 32, 21, np.array(parts), "corners")
        driving = random_map(rng, 32, 21, np.array([0, 1, 23]), kind)
        index = coarse_warp_grid(source, driving).index
        surface = SourceSurface(source)
        filled = surface.fill(driving, index)
        assert_filled(source, driving, index, filled)
        assert_nearest(source, driving, surface.nearest(driving))
        for found, wanted in zip(carried(filled, source, driving), carried_by_search(filled, source, driving), strict=True):
            assert np.array_equal(found, wanted)
        for reach in (0, 2):
            smooth = SmoothSurface(source, reach=reach).grid(driving)
            for found, wanted in zip(smooth, smooth_by_search(source, driving, reach=reach), strict=True):
                assert np.array_equal(found, wanted)
        frame = rng.integers(0, 256, source.shape, dtype=np.uint8)
        assert background_plate(frame, driving).shape == frame.shape
    print("equal")


if __name__ == "__main__":
    main()
