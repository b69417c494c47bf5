import numpy as np
import pytest

from densepose_cache.config import SampleDraw, WarpSettings
from densepose_cache.core.errors import InputError
from densepose_cache.warp.pairs import draw_samples, evaluation_pairs, sample_pairs


def settings(seed: int = 0, **draw) -> WarpSettings:
    return WarpSettings(seed=seed, samples=SampleDraw(**draw))


@pytest.mark.parametrize("targets", [1, 2, 3, 5])
def test_every_possible_first_target_once_an_epoch_and_the_source_elsewhere(targets):
    samples = draw_samples("clip", 20, settings(epochs=3, targets=targets, source="apart"))
    assert samples.dtype == np.int32
    for epoch in range(3):
        _, source, target = samples[samples[:, 0] == epoch].T
        assert np.array_equal(target, np.arange(20 - targets + 1))
        assert ((source < target) | (source >= target + targets)).all()
        assert ((source >= 0) & (source < 20)).all()
    assert len(samples) == 3 * (20 - targets + 1)


@pytest.mark.parametrize(("source", "free"), [("any", ()), ("other", (0,)), ("apart", (0, 1, 2))])
def test_which_frames_may_be_the_source(source, free):
    """Of the offsets of source frames from the first target, all occur but those that the rule leaves out."""
    samples = draw_samples("clip", 12, settings(epochs=200, source=source))
    assert set(range(-9, 12)) - set(samples[:, 1] - samples[:, 2]) == set(free)


def test_sources_are_spread_over_the_clip_and_drawn_anew_every_epoch():
    samples = draw_samples("clip", 60, settings(epochs=40))
    counts = np.bincount(samples[:, 1], minlength=60)
    assert counts.min() > 15
    assert counts.max() < 80
    first, second = (samples[samples[:, 0] == epoch, 1] for epoch in (0, 1))
    assert (first != second).mean() > 0.8


def test_a_pure_function_of_name_length_and_settings():
    base = draw_samples("a", 30, settings())
    assert np.array_equal(base, draw_samples("a", 30, settings()))
    assert not np.array_equal(base, draw_samples("b", 30, settings()))
    assert not np.array_equal(base, draw_samples("a", 30, settings(seed=1)))
    more = draw_samples("a", 30, settings(epochs=5))
    assert np.array_equal(more[more[:, 0] < 2], base), "later epochs leave the earlier ones as they are"


def test_per_clip_takes_that_many_and_repeats_none_before_all_were_taken():
    few = draw_samples("clip", 40, settings(epochs=1, per_clip=10))
    assert len(few) == len(np.unique(few[:, 2])) == 10
    assert (np.diff(few[:, 2]) > 0).all()
    many = draw_samples("clip", 10, settings(epochs=1, per_clip=19))
    assert sorted(np.bincount(many[:, 2])) == [2, 2, 2, 2, 2, 3, 3, 3]


def test_fixed_sources():
    samples = draw_samples("clip", 31, settings(epochs=4, sources=4, source="apart"))
    assert set(samples[:, 1]) == {0, 10, 20, 30}
    _, source, target = samples.T
    assert ((source < target) | (source >= target + 3)).all()
    for rule in ("any", "other", "apart"):
        one = draw_samples("clip", 5, settings(sources=1, source=rule))
        assert set(one[:, 1]) == {0}


def test_shortest_clips():
    for rule in ("other", "apart"):
        samples = draw_samples("clip", 3, settings(epochs=6, source=rule))
        assert set(samples[:, 2]) == {0}
        assert set(samples[:, 1]) == {1, 2}
    with pytest.raises(InputError, match=r"clip tiny has 2 frames.*needs 3"):
        draw_samples("tiny", 2, settings())
    with pytest.raises(InputError, match=r"clip tiny has 1 frames.*needs 2"):
        draw_samples("tiny", 1, settings(targets=1))


def test_sample_pairs():
    samples = np.array([[0, 7, 1], [1, 7, 2], [0, 0, 9]], np.int32)
    pairs = sample_pairs(samples, 3)
    wanted = {(7, 1), (7, 2), (7, 3), (7, 4), (1, 2), (2, 3), (3, 4), (0, 9), (0, 10), (0, 11), (9, 10), (10, 11)}
    assert {tuple(pair) for pair in pairs.tolist()} == wanted
    assert len(pairs) == len(wanted)
    assert np.array_equal(pairs, np.array(sorted(wanted)))
    assert pairs.dtype == np.int32


def test_evaluation_pairs():
    assert evaluation_pairs(1).tolist() == [[0, 0]]
    assert evaluation_pairs(4).tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [1, 2], [2, 3]]
