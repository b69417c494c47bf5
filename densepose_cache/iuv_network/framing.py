"""Shapes of the person crops, and how a box in a frame becomes a crop and back. The same for training and for use."""

from dataclasses import dataclass

import numpy as np

TALL, UPRIGHT, SQUARE = "tall", "upright", "square"
SHAPES = {TALL: (224, 112), UPRIGHT: (184, 144), SQUARE: (160, 160)}
"""Height and width of a crop's input; all have nearly the same area."""
SMALL_SHAPES = {TALL: (160, 80), UPRIGHT: (128, 96), SQUARE: (112, 112)}
"""The same at seven tenths of the side, for the first stage of training."""
FRAME = 128
"""Side of the whole frame in the first pass."""
MARGIN = 1.15
"""A crop is this much larger than the box around the person."""


@dataclass(frozen=True)
class Crop:
    """A part of a frame, in the frame's pixels, and the input size that it is scaled to."""

    left: float
    top: float
    width: float
    height: float
    shape: tuple[int, int]


def crop_kind(width: float, height: float) -> str:
    """Which of the three shapes wastes least on a box of this size."""
    aspect = height / max(width, 1e-6)
    return TALL if aspect >= 1.7 else UPRIGHT if aspect >= 1.18 else SQUARE


def crop_around(box: np.ndarray, frame: tuple[int, int]) -> Crop:
    """The crop for a box (4,): left, top, right, bottom; it stays inside the frame of this height and width.

    A box that fills the frame gets less margin, or the next broader shape if it would not fit otherwise.
    """
    left, top, right, bottom = (float(value) for value in box)
    kinds = list(SHAPES)
    for kind in kinds[kinds.index(crop_kind(right - left, bottom - top)) :]:
        rows, columns = SHAPES[kind]
        needed = max(bottom - top, (right - left) * rows / columns, 8.0)
        height = min(MARGIN * needed, frame[0], frame[1] * rows / columns)
        if height >= needed:
            break
    width = height * columns / rows
    left = min(max((left + right - width) / 2, 0.0), frame[1] - width)
    return Crop(left, min(max((top + bottom - height) / 2, 0.0), frame[0] - height), width, height, (rows, columns))
