"""From IUV maps of a body to its boxes, and to the square that shows it."""

import math

import numpy as np
from scipy import ndimage

FILL = 0.8
"""Share of the square's side that the body takes, over all frames: the median of the people whom the shipped generator learned from (their
quartiles are 0.69 and 0.88); they stand in the middle."""
SAME = 0.85
"""A square with more than this share of the whole picture's side is no better than the whole picture."""
STRAYS = 12
"""One frame of this many may be a stray."""
JUMP = 0.5
"""A stray lies this many body lengths beyond all others."""

REACH = 0.15
"""Pieces of a map that are this share of the largest one's length away from its box are none of the body's."""


def body_box(iuv: np.ndarray) -> np.ndarray:
    """The box (4,), left, top, right, bottom in pixels, of the body on an IUV map (H, W, 3) uint8 with at least one body pixel."""
    pieces, _ = ndimage.label(iuv[..., 0] > 0, np.ones((3, 3)))
    boxes = np.array([[x.start, y.start, x.stop, y.stop] for y, x in ndimage.find_objects(pieces)], float)
    main = boxes[np.bincount(pieces.ravel())[1:].argmax()]
    reach = REACH * max(main[2] - main[0], main[3] - main[1])
    near = (boxes[:, :2] <= main[2:] + reach).all(1) & (boxes[:, 2:] >= main[:2] - reach).all(1)
    return np.concatenate([boxes[near, :2].min(0), boxes[near, 2:].max(0)])


def union(boxes: np.ndarray) -> np.ndarray:
    """The box (4,) around `boxes` (N, 4), left, top, right, bottom, but for few that lie far beyond the others."""
    length = np.median(np.max(boxes[:, 2:] - boxes[:, :2], axis=1))
    edges = np.sort(boxes * [-1, -1, 1, 1], axis=0)[::-1]
    found = []
    for edge in edges.T:
        strays = [count for count in range(len(boxes) // STRAYS + 1) if count and edge[count - 1] - edge[count] > JUMP * length]
        found.append(edge[max(strays, default=0)])
    return np.array(found) * [-1, -1, 1, 1]


def square(box: np.ndarray, shape: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The square, left, top, right, bottom in whole pixels, that shows the body in `box` (4,) of a picture of `shape` (width, height); None
    where the whole picture shows it as well.

    It reaches beyond the picture only where the body needs that.
    """
    body = max(box[2] - box[0], box[3] - box[1])
    side, short = math.ceil(body / FILL), min(shape)
    if body <= short < side <= short / SAME:
        side = short
    if side > SAME * max(shape):
        return None
    left, top = (_place((box[axis] + box[axis + 2]) / 2, side, shape[axis]) for axis in (0, 1))
    return left, top, left + side, top + side


def _place(middle: float, side: int, extent: int) -> int:
    """Where a length of `side` pixels around `middle` begins that lies in 0..`extent`, or holds that."""
    return int(np.clip(round(middle - side / 2), min(0, extent - side), max(0, extent - side)))
