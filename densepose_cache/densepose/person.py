"""Which of the people on a frame is the clip's person."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .search import Start

DUPLICATE = 0.6
"""Boxes that overlap by this much (intersection over union) are of one person."""
CONTAINED = 0.9
"""A box that lies by this share of its area inside of a person's box is of that person, too."""
NEAR = 0.9
"""Another person is nearly as good a choice with this share of the chosen one's measure."""
FOREIGN = 1.5
"""A box is someone else's if it overlaps their last box by this many times its overlap with the person's. Two boxes of one frame overlap by
at most a half (the detector's suppression); since 1 - overlap is a distance, a box that stays where it was never falls under this."""
CLAIM = 0.5
"""While the person is missing, a box is someone else's already if it overlaps their last box by this much."""
SEEN = 0.2
"""Where the person was left, a box is that of somebody else who walks there if it overlaps their last box by this much."""
PATIENCE = 12
"""Frames for which a missing person is waited for before somebody else is taken, and others who are missing are remembered."""
ALIKE = 2.0
"""Boxes of one person differ in area by less than this factor from a frame to the next."""


class Choice(NamedTuple):
    """Who was chosen on a frame: the number of the box, or None; how many people there are; was another one nearly as good a choice? Did
    the choice go back from a stranger?"""

    person: int | None
    people: int
    near_tie: bool
    went_back: bool = False


class Follower:
    """Follows one person through the frames of a clip, each a square of side `size` pixels, in order.

    The first choice is by score, size and centrality, or whoever is where `start` says, and nobody before. After that the person is
    whoever overlaps the last choice most, unless that box is clearly someone else's who was seen before. A person who is missing is waited
    for: for `PATIENCE` frames nobody else is taken; then the choice begins anew. A single box of alike size that overlaps nobody's last one
    is the person, too, who moved far: while out of sight, after a cut, or at a low frame rate. It was a stranger's if in the next
    `PATIENCE` frames somebody is beside it where the person was: the choice goes back then.
    """

    def __init__(self, size: int, start: Start | None = None):
        self._size, self._start, self._seen = size, start, 0
        self._last: np.ndarray | None = None
        self._others = np.zeros((0, 4))
        self._waited = self._alone = 0
        self._left: np.ndarray | None = None
        self._away = 0

    def choose(self, boxes: np.ndarray, scores: np.ndarray) -> Choice:
        """The person among `boxes` (N, 4) left, top, right, bottom in pixels with `scores` (N,) in [0, 1]; N may be 0."""
        boxes, scores = np.asarray(boxes, float).reshape(-1, 4), np.asarray(scores, float)
        measure = self._measure(boxes, scores)
        self._seen += 1
        went_back = self._goes_back(boxes, scores, measure)
        if went_back:
            measure = overlap(self._left, boxes)
        if not measure.max(initial=0) > 0:
            self._waited += 1
            others = distinct(boxes, scores)
            self._remember(boxes[others])
            return Choice(None, len(others), False)
        person = int(measure.argmax())
        others = distinct(boxes, scores, [person])[1:]
        self._leave(boxes[person])
        self._last, self._waited = boxes[person], 0
        self._remember(boxes[others])
        return Choice(person, 1 + len(others), bool((measure[others] >= NEAR * measure[person]).any()), went_back)

    def _goes_back(self, boxes: np.ndarray, scores: np.ndarray, measure: np.ndarray) -> bool:
        """Whether a box is where the person was left, is not that of the choice by `measure`, and of nobody who was seen elsewhere."""
        self._away += 1
        if self._away > PATIENCE:
            self._left = None
        if self._left is None or not measure.any():
            return False
        at_left = overlap(self._left, boxes)
        best = int(at_left.argmax())
        known = overlap(boxes[best], self._others).max(initial=0)
        return bool(at_left[best] >= CLAIM and known < SEEN and best in distinct(boxes, scores, [int(measure.argmax())])[1:])

    def _leave(self, box: np.ndarray):
        """Keep where the person is left for a `box` that does not overlap the last one; nothing once the choice is back there."""
        if self._left is not None and overlap(self._left, box[None])[0] >= CLAIM:
            self._left = None
        elif self._left is None and self._last is not None and self._waited < PATIENCE and not overlap(self._last, box[None])[0]:
            self._left, self._away = self._last, 0

    def _remember(self, others: np.ndarray):
        """Keep the boxes (M, 4) of the other people; the last ones for a while where there are none."""
        self._alone = 0 if len(others) else self._alone + 1
        if len(others) or self._alone >= PATIENCE:
            self._others = others

    def _measure(self, boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """How well each box (N,) suits; 0 for those that are not the person."""
        if self._last is None and self._start is not None and self._seen < self._start.frame + PATIENCE:
            return overlap(np.asarray(self._start.box), boxes) * (self._seen >= self._start.frame)
        if self._last is None or self._waited >= PATIENCE:
            return first_measure(boxes, scores, self._size)
        own = overlap(self._last, boxes)
        taken = self._taken(boxes, own)
        own[taken] = 0
        new = distinct(boxes, scores, taken)[len(taken) :]
        if not own.any() and len(new) == 1 and 1 / ALIKE < areas(boxes)[new[0]] / max(areas(self._last[None])[0], 1e-9) < ALIKE:
            own[new] = scores[new]
        return own

    def _taken(self, boxes: np.ndarray, own: np.ndarray) -> list[int]:
        """Numbers of the boxes (N, 4) that are someone else's; `own` (N,) is the overlap with the person's last box."""
        taken = set()
        for other in self._others if len(boxes) else ():
            overlaps = overlap(other, boxes)
            best = int(overlaps.argmax())
            if overlaps[best] > 0 and (overlaps[best] >= FOREIGN * own[best] or (self._waited and overlaps[best] >= CLAIM)):
                taken.add(best)
        return sorted(taken)


def distinct(boxes: np.ndarray, scores: np.ndarray, first: Sequence[int] = ()) -> list[int]:
    """Numbers of the boxes (N, 4) that are of different people: those of `first`, then others by falling scores (N,).

    Another box is left out if it overlaps one before it by `DUPLICATE` or lies by `CONTAINED` inside of it.
    """
    kept = list(first)
    for number in np.argsort(-scores, kind="stable").tolist():
        if number in first:
            continue
        box = boxes[number : number + 1]
        common = _common(boxes[number], boxes[kept])
        same = common / np.maximum(areas(box) + areas(boxes[kept]) - common, 1e-9) >= DUPLICATE
        inside = common >= CONTAINED * np.maximum(areas(box), 1e-9)
        if not (same | inside).any():
            kept.append(number)
    return kept


def first_measure(boxes: np.ndarray, scores: np.ndarray, size: int) -> np.ndarray:
    """How certain, large and central each of `boxes` (N, 4) is on a frame of side `size`: (N,), at least 0.

    Score (N,) x square root of the box's share of the frame x (1 - half the distance of the centres in half diagonals).
    """
    offset = (boxes[:, :2] + boxes[:, 2:]) / size - 1
    distance = np.linalg.norm(offset, axis=1) / np.sqrt(2)
    return scores * np.sqrt(areas(boxes) / size**2) * np.maximum(1 - 0.5 * distance, 0)


def areas(boxes: np.ndarray) -> np.ndarray:
    """Areas (N,) of `boxes` (N, 4)."""
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union (N,) of `box` (4,) with each of `boxes` (N, 4)."""
    common = _common(box, boxes)
    return common / np.maximum(areas(boxes) + areas(box[None]) - common, 1e-9)


def _common(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    return np.prod(np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None), axis=1)
