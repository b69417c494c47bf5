"""Boxes that move evenly, against crops that tremble."""

import numpy as np

FRAMES = 3
"""So many frames are averaged: this one and those right before it."""


class SteadyBoxes:
    """Gives for the boxes of one person, frame by frame, their running means. A copy goes on by itself."""

    def __init__(self):
        self._recent: tuple[np.ndarray, ...] = ()

    def move(self, boxes: list[np.ndarray], chosen: list[int | None]):
        """Even out, in place, box number `chosen` of every frame's `boxes` (N, 4); the frames are the next ones, in order."""
        for frame, person in zip(boxes, chosen, strict=True):
            box = self.add(None if person is None else frame[person].copy())
            if person is not None:
                frame[person] = box

    def add(self, box: np.ndarray | None) -> np.ndarray | None:
        """The mean of `box` (4,) and those of the frames right before it; None, where nobody is, begins anew."""
        self._recent = () if box is None else (*self._recent[-(FRAMES - 1) :], box)
        return None if box is None else np.mean(self._recent, 0)
