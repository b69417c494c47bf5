"""Boxes that move evenly."""

import copy

import numpy as np

from densepose_cache.densepose.steady import SteadyBoxes


def test_boxes_are_averaged_with_those_right_before_them():
    boxes = [None if left is None else np.array([left, 0.0, left + 10, 10]) for left in (0, 3, 6, 9, None, 30)]
    steady = SteadyBoxes()
    found = [steady.add(box) for box in boxes]
    assert found[4] is None and [box[0] for box in found if box is not None] == [0, 1.5, 3, 6, 30]
    assert found[3].tolist() == [6, 0, 16, 10]


def test_a_copy_goes_on_by_itself():
    steady = SteadyBoxes()
    steady.add(np.zeros(4))
    copy.copy(steady).add(np.full(4, 8.0))
    assert steady.add(np.full(4, 2.0)).tolist() == [1, 1, 1, 1]
