import numpy as np
import pytest

from densepose_cache.iuv.degrade import degrade_iuv
from densepose_cache.rendered.render import RenderedClip, clip_generator


@pytest.fixture(scope="module")
def maps():
    return np.stack([frame.iuv for frame in RenderedClip(clip_generator(0, "train", 0), size=96, frames=12, fps=6)])


def test_degraded_maps_are_valid_maps_of_the_same_person(maps):
    before = maps.copy()
    for seed in range(5):
        spoilt = degrade_iuv(maps, np.random.default_rng(seed))
        assert spoilt.shape == maps.shape
        assert spoilt.dtype == np.uint8
        assert spoilt[..., 0].max() <= 24
        assert not spoilt[spoilt[..., 0] == 0].any()
        both = (spoilt[..., 0] > 0) & (maps[..., 0] > 0)
        assert both.sum() > 0.6 * (maps[..., 0] > 0).sum()
        assert (spoilt[..., 0] == maps[..., 0])[both].mean() > 0.75
        assert (spoilt[..., 0] != maps[..., 0]).mean() < 0.2
        assert (spoilt != maps).any(-1)[maps[..., 0] > 0].mean() > 0.05
    np.testing.assert_array_equal(maps, before)


def test_degrading_is_a_function_of_its_generator(maps):
    one, same, other = (degrade_iuv(maps, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_defects_change_over_time(maps):
    still = np.repeat(maps[:1], 6, axis=0)
    spoilt = degrade_iuv(still, np.random.default_rng(3))
    assert all((spoilt[t] != spoilt[t + 1]).any() for t in range(5))


def test_hands_vanish_in_some_clips(maps):
    still = np.repeat(maps[:1], 24, axis=0)
    gone = [(~np.isin(degrade_iuv(still, np.random.default_rng(seed))[..., 0], (3, 4)).any((1, 2))).mean() for seed in range(8)]
    assert min(gone) == 0
    assert max(gone) > 0


def test_empty_maps_stay_empty():
    empty = np.zeros((3, 64, 64, 3), np.uint8)
    np.testing.assert_array_equal(degrade_iuv(empty, np.random.default_rng(0)), empty)


@pytest.mark.parametrize("wrong", [np.zeros((64, 64, 3), np.uint8), np.zeros((2, 64, 64, 3), np.float32)])
def test_other_arrays_are_refused(wrong):
    with pytest.raises(ValueError, match="uint8"):
        degrade_iuv(wrong, np.random.default_rng(0))
