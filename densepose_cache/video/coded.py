"""Maps and keypoints of a video's pixels as stored, moved to its pixels as shown: tools that know nothing of their shape make such maps."""

import numpy as np


def stretched(iuv: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """IUV maps (..., H, W, C) brought to `size` (width, height): every pixel is the one at its centre."""
    width, height = size
    rows, columns = _centres(iuv.shape[-3], height), _centres(iuv.shape[-2], width)
    return iuv[..., rows[:, None], columns[None, :], :]


def stretched_points(points: np.ndarray, before: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Keypoints (..., 3) of x, y, visibility, counted in pixel centres of a frame of `before` (width, height), in one of `size`."""
    out = np.array(points)
    for axis in (0, 1):
        scale = size[axis] / before[axis]
        out[..., axis] = (points[..., axis].astype(np.float64) + 0.5) * scale - 0.5
    return out


def _centres(before: int, after: int) -> np.ndarray:
    return (2 * np.arange(after) + 1) * before // (2 * after)
