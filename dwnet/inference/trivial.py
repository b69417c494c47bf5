"""What anyone can do without a network: the coarse warp, the copied source, the blurred coarse warp.

All take and give uint8 frames; grids are those of the cache.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

BASELINES = ("coarse_warp", "copy_source", "coarse_warp_blurred")


def coarse_warp(source: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Source frame (H, W, 3) read at source pixels `index` (T, H, W) -> (T, H, W, 3).

    The same as sampling the official grid with nearest neighbours: its coordinates are pixel centres inside the frame, so that no
    padding mode changes anything. Pixels without a correspondence take the top-left pixel, as in the official code.
    """
    return source.reshape(-1, 3)[index]


def copy_source(source: np.ndarray, frames: int) -> np.ndarray:
    """The source frame (H, W, 3), `frames` times."""
    return np.broadcast_to(source, (frames, *source.shape))


def coarse_warp_blurred(warped: np.ndarray, sigma: float) -> np.ndarray:
    """Coarse warp (T, H, W, 3) blurred in space by a Gaussian of `sigma` pixels, edges mirrored."""
    blurred = gaussian_filter(warped.astype(np.float32), sigma=(0, sigma, sigma, 0), mode="reflect")
    return np.rint(blurred).clip(0, 255).astype(np.uint8)
