"""What a mirrored picture does to part, U and V.

Left and right parts change places. On the torso V runs across the body, on hands, feet and head U does: there it turns round, 255 minus
itself; everywhere else U and V stay. Laid over the mirrored body, the chart differs from these rules by at most 1.2 levels in the median.
"""

import numpy as np

MIRRORED = np.array([0, 1, 2, *(part + 1 if part % 2 else part - 1 for part in range(3, 25))], np.uint8)
"""Part 0..24 of the mirrored picture."""
TURNS_U = np.isin(np.arange(25), (3, 4, 5, 6, 23, 24))
TURNS_V = np.isin(np.arange(25), (1, 2))


def mirror_values(iuv: np.ndarray) -> np.ndarray:
    """The values (..., 3) uint8 that I, U, V take in the mirrored picture, in the same places."""
    part, u, v = iuv[..., 0], iuv[..., 1], iuv[..., 2]
    return np.stack([MIRRORED[part], np.where(TURNS_U[part], 255 - u, u), np.where(TURNS_V[part], 255 - v, v)], -1)


def mirror(iuv: np.ndarray) -> np.ndarray:
    """The IUV map (..., H, W, 3) uint8 of the mirrored picture."""
    return mirror_values(iuv[..., ::-1, :])
