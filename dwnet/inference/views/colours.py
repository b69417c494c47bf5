"""How the colours of two pictures of one person differ, by what both show of the body: exposure and white balance."""

import functools

import numpy as np

from densepose_cache.iuv import PARTS
from densepose_cache.warp.smooth import without_edge
from densepose_cache.warp.surface import SHIFT, surface_table

COARSE = 5
"""Bits by which U and V are shortened to name a patch of the body's surface."""
LEAST = 30
"""Patches of a side of the body that two pictures must both show for their colours to be compared. A front and a back have fewer in common,
and see those at too flat an angle."""
DARK, BRIGHT = 16, 239
"""Colours that are compared: others may be cut off."""
MOST = 1.5
"""Largest factor of a colour."""
SURE = 3.0
"""Standard errors that a factor must depart from 1 by."""


def colour_gain(first: np.ndarray, first_iuv: np.ndarray, picture: np.ndarray, iuv: np.ndarray) -> np.ndarray:
    """Factors (3,) float32 by which the colours of `picture` become those of `first` where both show the same places of the body.

    They are medians over patches of its surface, of its left and its right side alike, since a lamp from the side makes the one brighter
    and the other darker. 1 where a side has too few patches or the factor is not surely another.
    """
    (mine, pixels), (other, also) = _patches(first, first_iuv), _patches(picture, iuv)
    both = ((pixels > 0) & (also > 0))[:, None] & (np.minimum(mine, other) > DARK) & (np.maximum(mine, other) < BRIGHT)
    gain = np.ones(3, np.float32)
    for channel in range(3):
        ratios = [np.log(mine[on, channel] / other[on, channel]) for on in (both[:, channel] & side for side in _sides())]
        if min(map(len, ratios)) < LEAST:
            continue
        middles = [np.median(ratio) for ratio in ratios]
        spread = [1.86 * np.median(np.abs(ratio - middle)) for ratio, middle in zip(ratios, middles, strict=True)]
        error = np.hypot(*(width / np.sqrt(len(ratio)) for width, ratio in zip(spread, ratios, strict=True))) / 2  # of medians
        if abs(np.mean(middles)) > SURE * error + abs(np.diff(middles)[0]) / 2:
            gain[channel] = np.exp(np.clip(np.mean(middles), -np.log(MOST), np.log(MOST)))
    return gain


def _patches(picture: np.ndarray, iuv: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean colours (N, 3) of the patches of the body's surface, and how many pixels (N,) each has."""
    bins = 256 >> COARSE
    wide = without_edge(iuv).astype(np.int32)
    patch = ((wide[..., 0] * bins + (wide[..., 1] >> COARSE)) * bins + (wide[..., 2] >> COARSE)).ravel()
    count = np.bincount(patch, minlength=(PARTS + 1) * bins * bins)
    sums = [np.bincount(patch, picture[..., channel].ravel(), len(count)) for channel in range(3)]
    colours = np.stack(sums, -1) / np.maximum(count, 1)[:, None]
    count[: bins * bins] = 0
    return colours, count


@functools.cache
def _sides() -> tuple[np.ndarray, np.ndarray]:
    """Which patches (N,) bool are on the body's left, and which on its right."""
    step = 1 << (COARSE - SHIFT)
    across = surface_table()[:, step // 2 :: step, step // 2 :: step, 0].ravel()
    return across > 0, across < 0
