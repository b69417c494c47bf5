"""The frames as a DensePose R-CNN sees them."""

import numpy as np
from PIL import Image


def resize(frame: np.ndarray, size: int) -> np.ndarray:
    """The square `frame` (S, S, 3) uint8 at `size` x `size`, bilinear, bit for bit as detectron2's predictor resizes it."""
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BILINEAR))
