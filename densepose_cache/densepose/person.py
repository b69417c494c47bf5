"""Which of the people on a frame is the clip's person."""

import numpy as np


def first_choice(boxes: np.ndarray, scores: np.ndarray, size: int) -> int:
    """Number of the most certain, largest and most central of `boxes` (N, 4) left, top, right, bottom on a frame of side `size`.

    The measure is score (N,) x square root of the box's share of the frame x (1 - half the distance of the centres in half diagonals).
    """
    share = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) / size**2
    offset = (boxes[:, :2] + boxes[:, 2:]) / size - 1
    distance = np.linalg.norm(offset, axis=1) / np.sqrt(2)
    return int(np.argmax(scores * np.sqrt(np.maximum(share, 0)) * (1 - 0.5 * distance)))


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union (N,) of `box` (4,) with each of `boxes` (N, 4)."""
    common = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    inside = np.prod(np.clip(common, 0, None), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(box[2:] - box[:2])
    return inside / np.maximum(areas - inside, 1e-9)


def follow(last: np.ndarray | None, boxes: np.ndarray, scores: np.ndarray, size: int) -> int | None:
    """Number of the person among `boxes` (N, 4): the largest overlap with the `last` choice, or a first choice where none overlaps.

    None if there is nobody.
    """
    if not len(boxes):
        return None
    if last is not None:
        overlaps = overlap(last, boxes)
        if overlaps.max() > 0:
            return int(overlaps.argmax())
    return first_choice(boxes, scores, size)
