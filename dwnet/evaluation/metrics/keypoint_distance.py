"""Average keypoint distance and missing keypoint rate between detections in the real and in the generated frame."""

import numpy as np

REFERENCE_SIZE = 256
"""Distances are given in pixels of a frame of this side."""


def akd(real: np.ndarray, generated: np.ndarray, size: int) -> float:
    """Mean |difference| over the joints present in both and over both axes; NaN where no joint is in both.

    Joints (17, 3): x, y in pixels of a frame of side `size`, presence 0 or 1. The result is in pixels at 256x256.
    """
    both = (real[:, 2] > 0) & (generated[:, 2] > 0)
    if not both.any():
        return float("nan")
    return float(np.abs(real[both, :2] - generated[both, :2]).mean(dtype=np.float64) * REFERENCE_SIZE / size)


def akd_l2(real: np.ndarray, generated: np.ndarray, size: int) -> float:
    """Mean Euclidean distance over the joints present in both, in pixels at 256x256; NaN where no joint is in both. Arguments as `akd`."""
    both = (real[:, 2] > 0) & (generated[:, 2] > 0)
    if not both.any():
        return float("nan")
    return float(np.linalg.norm(real[both, :2] - generated[both, :2], axis=1).mean(dtype=np.float64) * REFERENCE_SIZE / size)


def mkr(real: np.ndarray, generated: np.ndarray) -> float:
    """Share of the joints present in the real frame that the generated one misses; NaN where the real frame has none. Joints (17, 3)."""
    found = real[:, 2] > 0
    if not found.any():
        return float("nan")
    return float((generated[found, 2] == 0).mean())


def detector_error(exact: np.ndarray, detected: np.ndarray, size: int) -> float:
    """`akd_l2` of the joints visible in `exact` and present in `detected`: how far off the detector is."""
    return akd_l2(exact, detected, size)
