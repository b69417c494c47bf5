"""Keypoint metrics on joints with known answers."""

import math

import numpy as np
import pytest

from dwnet.evaluation.metrics.keypoint_distance import akd, detector_error, mkr


def joints(present):
    points = np.zeros((17, 3), np.float32)
    points[:, 0], points[:, 1] = np.arange(17) * 3, np.arange(17) * 2
    points[present, 2] = 1
    return points


def test_distance_of_the_common_joints_at_256():
    real, generated = joints([0, 1, 2]), joints([1, 2, 3])
    generated[1, :2] += [3, -1]
    generated[2, :2] += [0, 4]
    generated[3, :2] += 1000
    assert akd(real, generated, size=256) == pytest.approx((3 + 1 + 0 + 4) / 4)
    assert akd(real, generated, size=128) == pytest.approx(2 * (3 + 1 + 0 + 4) / 4)


def test_missing_rate_is_over_the_real_joints():
    assert mkr(joints([0, 1, 2, 3]), joints([1, 2, 9])) == 0.5
    assert mkr(joints([0, 1]), joints([])) == 1.0


def test_frames_without_joints_have_no_value():
    assert math.isnan(akd(joints([0]), joints([1]), 256))
    assert math.isnan(mkr(joints([]), joints([1])))
    assert math.isnan(detector_error(joints([]), joints([1]), 256))


def test_detector_error_is_euclidean():
    exact, detected = joints([4, 5]), joints([4, 5])
    detected[4, :2] += [3, 4]
    assert detector_error(exact, detected, 512) == pytest.approx(2.5 / 2)
