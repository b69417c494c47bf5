"""IUV maps: (H, W, 3) uint8, channels I (part, 0..24, 0 = background), U and V (chart coordinates, 0..255).

Files that other tools wrote are converted once, where they are read: all maps in memory and in the cache have channels in I, U, V order and
U = V = 0 on the background.
"""

from typing import NamedTuple

import numpy as np

from ..core.errors import InputError

PARTS = 24
"""Number of body parts of the DensePose chart."""

PART_NAMES = (
    "background",
    "torso back",
    "torso front",
    "right hand",
    "left hand",
    "left foot",
    "right foot",
    "upper leg right 7",
    "upper leg left 8",
    "upper leg right 9",
    "upper leg left 10",
    "lower leg right 11",
    "lower leg left 12",
    "lower leg right 13",
    "lower leg left 14",
    "upper arm left 15",
    "upper arm right 16",
    "upper arm left 17",
    "upper arm right 18",
    "lower arm left 19",
    "lower arm right 20",
    "lower arm left 21",
    "lower arm right 22",
    "head right",
    "head left",
)
"""Name of every value of I; the two charts of a limb carry their number."""


def check_iuv(iuv: np.ndarray, name: object) -> np.ndarray:
    """The maps `iuv` (..., 3) uint8 in I, U, V order, with U and V of background pixels set to 0.

    Raises InputError, which names `name`, if the array is no uint8 map of three channels or holds I above 24.
    """
    if iuv.dtype != np.uint8 or iuv.ndim < 3 or iuv.shape[-1] != 3:
        raise InputError(f"{name}: an IUV map is uint8 with three channels, this is {iuv.dtype} of shape {iuv.shape}")
    parts = iuv[..., 0]
    highest = int(parts.max(initial=0))
    if highest > PARTS:
        raise InputError(
            f"{name}: the part index I is {highest}, but DensePose has parts 0..{PARTS}; this is no IUV map, "
            "or its channels are not in the order I, U, V"
        )
    return iuv * (parts > 0)[..., None].astype(np.uint8) if iuv[parts == 0].any() else iuv


class ClipMaps(NamedTuple):
    """What was found on the frames of a clip.

    `iuv` (T, S, S, 3) uint8, `held` (T,) bool: nobody was found and the policy's map stands in, `scores` (T,) float32, NaN where there is
    none, `people` (T,) int32 to choose from, `near_ties` (T,) bool: another one was nearly as good a choice. `went_back`: a stranger was
    followed for a while.
    """

    iuv: np.ndarray
    held: np.ndarray
    scores: np.ndarray
    people: np.ndarray
    near_ties: np.ndarray
    went_back: bool = False
