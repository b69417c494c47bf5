"""Figures of maps against other maps: known values."""

import numpy as np
import pytest

from densepose_cache.iuv.agreement import agreement


def maps(*rows) -> np.ndarray:
    """One map (1, rows, 4, 3) from rows of four parts; U = 100, V = 50 on the body."""
    part = np.array(rows, np.uint8)[None]
    return np.stack([part, np.where(part > 0, 100, 0), np.where(part > 0, 50, 0)], -1).astype(np.uint8)


def test_equal_maps_agree_in_everything():
    one = maps([0, 1, 2, 24], [0, 0, 3, 3])
    assert agreement(one, one) == {"silhouette_iou": 1, "part_accuracy": 1, "part_miou": 1, "u_error": 0, "v_error": 0}


def test_known_counts():
    wanted, found = maps([0, 1, 1, 2], [0, 2, 2, 2]), maps([5, 1, 2, 2], [0, 2, 0, 2])
    found[0, 0, 1] = 1, 106, 50
    found[0, 1, 1] = 2, 100, 42
    figures = agreement(found, wanted)
    assert figures["silhouette_iou"] == 5 / 7
    assert figures["part_accuracy"] == 4 / 6
    assert figures["part_miou"] == pytest.approx((1 / 2 + 3 / 5) / 2), "part 5 is not to be found"
    assert (figures["u_error"], figures["v_error"]) == (6 / 4, 8 / 4)


def test_frames_count_by_their_pixels():
    wanted = np.concatenate([maps([1, 1, 1, 1]), maps([1, 0, 0, 0])])
    found = np.concatenate([maps([1, 1, 1, 1]), maps([2, 0, 0, 0])])
    assert agreement(found, wanted)["part_accuracy"] == 4 / 5


def test_what_cannot_be_measured_is_left_out():
    nobody, somebody, other = maps([0, 0, 0, 0]), maps([1, 1, 0, 0]), maps([2, 2, 0, 0])
    assert agreement(somebody, nobody) == {}
    assert agreement(nobody, somebody) == {"silhouette_iou": 0, "part_accuracy": 0, "part_miou": 0}
    assert set(agreement(other, somebody)) == {"silhouette_iou", "part_accuracy", "part_miou"}
