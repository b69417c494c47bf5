"""The background plate: a frame without its person, filled from around."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

MARGIN = 0.045
"""How far around the body pixels do not count as background, as a share of the frame's height: hair, skirts and sleeves reach that far."""


def background_plate(frame: np.ndarray, iuv: np.ndarray) -> np.ndarray:
    """The background (H, W, 3) uint8 of `frame` (H, W, 3) uint8 whose person is where `iuv` (H, W, 3) uint8 has body.

    Pixels on the body and within the margin are filled from around; all others stay what they are. A frame that is full of its person comes
    back as it is.
    """
    body = iuv[..., 0] > 0
    if not body.any():
        return frame.copy()
    known = ~grown(body, round(MARGIN * frame.shape[0]))
    if not known.any():
        return frame.copy()
    filled = pull_push(frame.astype(np.float32), known.astype(np.float32))
    return np.where(known[..., None], frame, np.rint(filled).clip(0, 255).astype(np.uint8))


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    """`mask` (H, W) bool grown by `pixels` to every side."""
    bytes_ = mask.astype(np.uint8)
    for axis in (0, 1):
        bytes_ = maximum_filter1d(bytes_, 2 * pixels + 1, axis)
    return bytes_ > 0


def pull_push(colours: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """`colours` (H, W, 3) where `weight` (H, W) is 1, and where it is 0 what surrounds it, smoother the farther away that is.

    Each level halves the picture by means of what is known; on the way back what is unknown takes the bilinear value of the level below.
    """
    height, width = weight.shape
    if weight.all() or min(height, width) < 2:
        return colours
    even = (0, height % 2), (0, width % 2)
    w = np.pad(weight, even)
    c = np.pad(colours, (*even, (0, 0))) * w[..., None]
    w4 = w.reshape(w.shape[0] // 2, 2, w.shape[1] // 2, 2).sum((1, 3))
    c4 = c.reshape(c.shape[0] // 2, 2, c.shape[1] // 2, 2, 3).sum((1, 3))
    small = c4 / np.maximum(w4, 1e-6)[..., None]
    below = pull_push(small, (w4 > 0).astype(np.float32))
    return np.where(weight[..., None] > 0, colours, doubled(below)[:height, :width])


def doubled(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """`picture` (h, w, 3) at twice its size, bilinear."""
    for axis in (0, 1):
        picture = np.moveaxis(picture, axis, 0)
        before = np.concatenate([picture[:1], picture[:-1]])
        after = np.concatenate([picture[1:], picture[-1:]])
        both = np.stack([0.75 * picture + 0.25 * before, 0.75 * picture + 0.25 * after], 1)
        picture = np.moveaxis(both.reshape(-1, *picture.shape[1:]), 0, axis)
    return np.ascontiguousarray(picture)
