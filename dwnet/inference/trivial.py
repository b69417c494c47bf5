"""What anyone can do without a network: the coarse warp, the filled warp, the copied source, the blurred coarse warp.

All take and give uint8 frames; grids are those of the cache.
"""

import numpy as np
from scipy.ndimage import gaussian_filter

from densepose_cache.video.plate import background_plate
from densepose_cache.warp.fill import SourceSurface

BASELINES = ("coarse_warp", "filled_warp", "copy_source", "coarse_warp_blurred")


def coarse_warp(source: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Source frame (H, W, 3) read at source pixels `index` (T, H, W) -> (T, H, W, 3).

    The same as sampling the official grid with nearest neighbours: its coordinates are pixel centres inside the frame, so that no
    padding mode changes anything. Pixels without a correspondence take the top-left pixel, as in the official code.
    """
    return source.reshape(-1, 3)[index]


class FilledSource:
    """A source frame (H, W, 3) uint8 and its IUV map (H, W, 3) uint8, with what all its filled warps share: plate and surface."""

    def __init__(self, source: np.ndarray, source_iuv: np.ndarray):
        self.frame = source
        self.body = source_iuv[..., 0] > 0
        """(H, W) bool."""
        self.plate = background_plate(source, source_iuv)
        """The frame without its person, (H, W, 3) uint8."""
        self.surface = SourceSurface(source_iuv)


def filled_warp(source: FilledSource, driving_iuv: np.ndarray, index: np.ndarray) -> np.ndarray:
    """`source` read at `index` (T, H, W), its coarse grids to the maps `driving_iuv` (T, H, W, 3) uint8, none lost -> (T, H, W, 3).

    Body pixels whose part the source does not show take the visible source pixel that is nearest on the body, background that the source's
    body hides takes the plate; all others are those of `coarse_warp`. Where the source shows no body the two are the same.
    """
    filled = np.stack([source.surface.fill(iuv, grid).index for iuv, grid in zip(driving_iuv, index, strict=True)])
    hidden = source.body & (driving_iuv[..., 0] == 0)
    return np.where(hidden[..., None], source.plate, coarse_warp(source.frame, filled))


def copy_source(source: np.ndarray, frames: int) -> np.ndarray:
    """The source frame (H, W, 3), `frames` times."""
    return np.broadcast_to(source, (frames, *source.shape))


def coarse_warp_blurred(warped: np.ndarray, sigma: float) -> np.ndarray:
    """Coarse warp (T, H, W, 3) blurred in space by a Gaussian of `sigma` pixels, edges mirrored."""
    blurred = gaussian_filter(warped.astype(np.float32), sigma=(0, sigma, sigma, 0), mode="reflect")
    return np.rint(blurred).clip(0, 255).astype(np.uint8)
