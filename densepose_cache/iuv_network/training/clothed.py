"""Labels of clothes: DensePose counts sleeves, jackets, trousers and shoes as the limb in them, and a skirt only where the body is."""

import numpy as np
from scipy import ndimage

from ...rendered.figure.person import BOTTOM, HAIR, SHOE, SLEEVE, TEXTURE_NAMES, TOP

NEAR = 0.01
"""Metres that anything may stand off the naked body and still be labelled as it."""
REACH = {TOP: 0.06, SLEEVE: 0.06, SHOE: 0.04, HAIR: 0.0}
"""The same for these textures."""
TROUSERS = 0.06
"""The same for trousers; a skirt has `NEAR`."""


def reaches(trousers: bool) -> np.ndarray:
    """Metres (M,) float64 for every texture of a figure; `trousers` says whether it has them or a skirt."""
    metres = np.full(len(TEXTURE_NAMES), NEAR)
    metres[list(REACH)] = list(REACH.values())
    if trousers:
        metres[BOTTOM] = TROUSERS
    return metres


def label_clothes(iuv: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """IUV map (H, W, 3) uint8 of the naked body, extended to clothes.

    `reach` (H, W) says how many pixels off the body what is seen there may be; 0 where nothing is seen. A pixel takes I, U, V of the
    nearest one of the body.
    """
    off, (rows, columns) = ndimage.distance_transform_edt(iuv[..., 0] == 0, return_indices=True)
    taken = (off > 0) & (off <= reach)
    extended = iuv.copy()
    extended[taken] = iuv[rows[taken], columns[taken]]
    return extended
