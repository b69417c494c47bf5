"""Driving maps evened out over time: flicker goes, the body stays what and where it is."""

import numpy as np
import pytest

from dwnet.animation.motion import DrivingFrame, paced_motion
from dwnet.animation.pace import Pace
from dwnet.animation.smoothing.stream import smoothed, steady

SIZE = 64
TORSO, ARM = 2, 21


def body(row: int = 0, column: int = 0, arm: int = 0) -> np.ndarray:
    """A torso with a thin arm beside it, which hangs `arm` pixels lower; (SIZE, SIZE, 3) uint8."""
    iuv = np.zeros((SIZE, SIZE, 3), np.uint8)
    for part, top, left, high, wide in ((TORSO, 18 + row, 10 + column, 30, 14), (ARM, 18 + row + arm, 26 + column, 6, 12)):
        y, x = np.mgrid[:high, :wide]
        iuv[top : top + high, left : left + wide] = np.stack([np.full_like(y, part), 20 + 12 * x, 20 + 6 * y], -1)
    return iuv


def even(maps, held=()) -> np.ndarray:
    frames = (DrivingFrame(iuv, None, number in held) for number, iuv in enumerate(maps))
    return np.stack([frame.iuv for frame in smoothed(frames)])


def test_a_still_body_loses_its_flicker_and_nothing_else():
    rng, exact = np.random.default_rng(0), body()
    maps = np.stack([exact] * 9)
    inside = exact[..., 0] > 0
    maps[:, inside, 1:] += rng.integers(0, 9, (9, inside.sum(), 2)).astype(np.uint8)
    maps[4, 25:32, 12:18] = 0
    maps[6][maps[6, ..., 0] == ARM] = 0
    found = even(maps)
    assert (found[..., 0] == exact[..., 0]).all()
    steps = [np.abs(np.diff(each[2:-2, 34:46, 10:24, 1:].astype(int), axis=0)).mean() for each in (maps, found)]
    assert steps[1] < 0.5 * steps[0]


@pytest.mark.parametrize("speed", [1, 3])
def test_a_moving_body_stays_where_it_is(speed):
    """Exact maps stay exact inside the body, and holes are filled with what moves there."""
    exact = np.stack([body(column=speed * t) for t in range(8)])
    maps = exact.copy()
    maps[4, 28:34, 14 + 4 * speed : 20 + 4 * speed] = 0
    found = even(maps)
    wrong = (found[..., 0] != exact[..., 0]).sum((1, 2))
    assert wrong.max() <= 4, wrong
    assert np.abs(found[4, 24:40, 26:32].astype(int) - exact[4, 24:40, 26:32]).max() <= 12


def test_a_fast_thin_arm_is_not_eaten():
    exact = np.stack([body(arm=5 * abs(3 - t % 6)) for t in range(12)])
    kept = (even(exact)[..., 0] == ARM).sum((1, 2)) / (exact[..., 0] == ARM).sum((1, 2))
    assert kept.min() > 0.8, kept


def test_a_cut_stays_a_cut():
    far = body()[::-1, ::-1].copy()
    maps = np.stack([body()] * 4 + [far] * 4)
    assert (even(maps) == maps).all()


def test_frames_without_a_map_of_their_own_get_one():
    """A map that was held, and one that is wholly wrong for a frame."""
    exact = np.stack([body(column=2 * t) for t in range(9)])
    maps = exact.copy()
    maps[3], maps[6] = maps[2], body()[::-1, ::-1]
    found = even(maps, held={3})
    for number in (3, 6):
        assert (found[number, ..., 0] != exact[number, ..., 0]).sum() <= 8, number


def test_frames_come_as_they_are_read_with_all_that_is_known_of_them():
    taken = []

    def frames():
        for number in range(100):
            taken.append(number)
            yield DrivingFrame(body(), None, score=number / 100, people=number)

    found = smoothed(frames())
    assert next(found).people == 0 and len(taken) == 3
    assert [frame.people for frame in found] == list(range(1, 100))


@pytest.mark.parametrize(
    ("smooth", "rough", "evened"), [("auto", True, True), ("auto", False, False), ("on", False, True), ("off", True, False)]
)
def test_auto_evens_out_the_maps_of_the_small_network(smooth, rough, evened):
    maps = [body()] * 5
    maps[2] = maps[2].copy()
    maps[2][30, 15] = 0
    pace, frames = Pace(np.arange(5), 25.0), [DrivingFrame(iuv, None) for iuv in maps]
    motion = paced_motion(SIZE, False, pace, lambda pace: (frame for frame in frames), lambda numbers: iter(maps[numbers]), rough=rough)
    found = [frame.iuv for frame in steady(motion, smooth).read()]
    assert (found[2][30, 15, 0] == TORSO) == evened
