"""Intervals against scipy's bootstrap, and how often they hold the true value of synthetic data."""

import numpy as np
import pytest
from scipy import stats

from dwnet.evaluation.bootstrap import FEWEST, centred_interval, draw_clips, expanded_level, mean_interval
from dwnet.evaluation.metrics.frechet import Gaussian, frechet_distance, frechet_draws


def test_draws_are_seeded_and_hold_as_many_clips_as_there_are():
    draws = draw_clips(7, 500, 3)
    assert draws.shape == (500, 7) and (draws.sum(1) == 7).all() and not draws.flags.writeable
    np.testing.assert_allclose(draws.mean(0), 1, atol=0.15)
    np.testing.assert_array_equal(draws, np.random.default_rng(3).multinomial(7, np.full(7, 1 / 7), size=500))
    assert (draw_clips(7, 500, 4) != draws).any()


def test_levels_widen_for_few_clips():
    levels = [expanded_level(0.95, clips) for clips in (5, 20, 100, 100_000)]
    assert levels == sorted(levels) and levels[-1] == pytest.approx(0.025, rel=1e-3)
    assert levels[1] == pytest.approx(stats.norm.cdf(stats.t.ppf(0.025, 19) * np.sqrt(20 / 19)))


@pytest.mark.parametrize("clips", [5, 8, 40])
def test_interval_of_a_mean_equals_a_plain_bootstrap_t(clips):
    """Draw by draw, with scipy's test of one sample."""
    values, rng = np.random.default_rng(clips).lognormal(0, 0.7, clips), np.random.default_rng(1)
    drawn = [rng.choice(values, clips) for _ in range(20_000)]
    distances = stats.ttest_1samp([one for one in drawn if np.ptp(one)], values.mean(), axis=1).statistic
    low, high = np.quantile(distances, [0.025, 0.975])
    wanted = values.mean() - np.array([high, low]) * stats.sem(values)
    assert np.ptp(wanted) > 0.3
    np.testing.assert_allclose(mean_interval(values, 20_000, 0, 0.95), wanted, atol=0.04 * np.ptp(wanted))


@pytest.mark.parametrize(("clips", "normal", "skewed"), [(5, 0.951, 0.930), (10, 0.948, 0.936), (20, 0.947, 0.941)])
def test_share_of_intervals_that_hold_the_true_mean(clips, normal, skewed):
    """As the documentation has it, of normal and of exponential values. A hit is a coin of which 800 are tossed, to 0.02 in most cases."""
    rng = np.random.default_rng(0)
    for draw, true, wanted in ((rng.normal, 0.0, normal), (rng.exponential, 1.0, skewed)):
        intervals = [mean_interval(draw(size=clips), 400, seed, 0.95) for seed in range(800)]
        assert np.mean([lower <= true <= upper for lower, upper in intervals]) == pytest.approx(wanted, abs=0.02)


@pytest.mark.parametrize("sign", [1, -1])
def test_one_clip_among_equal_ones_leaves_a_bound_to_student(sign):
    """A third of the draws of five clips miss the only one that differs: how far it may pull the mean, they cannot tell."""
    lower, upper = sorted(sign * bound for bound in mean_interval(sign * np.array([0, 0, 0, 0, 1.0]), 1000, 0, 0.95))
    assert upper == pytest.approx(0.2 + stats.t.ppf(0.975, 4) * 0.2)
    assert 0.2 - stats.t.ppf(0.975, 4) * 0.2 < lower < 0


def test_the_interval_moves_and_grows_with_the_values():
    values = np.random.default_rng(3).exponential(size=12)
    lower, upper = mean_interval(values, 1000, 0, 0.95)
    np.testing.assert_allclose(mean_interval(1e-6 * values + 5, 1000, 0, 0.95), (1e-6 * lower + 5, 1e-6 * upper + 5), rtol=0, atol=1e-11)


def test_no_interval_of_few_clips_and_none_wide_of_equal_values():
    assert mean_interval(np.arange(FEWEST - 1), 200, 0, 0.95) is None
    assert centred_interval(1.0, np.arange(200.0), FEWEST - 1, 0.95) is None
    assert mean_interval(np.full(9, 0.25), 200, 0, 0.95) == (0.25, 0.25)


def test_a_higher_confidence_gives_a_wider_interval():
    values = np.random.default_rng(5).normal(size=15)
    narrow, wide = (mean_interval(values, 1000, 0, confidence) for confidence in (0.8, 0.99))
    assert wide[0] < narrow[0] < values.mean() < narrow[1] < wide[1]


def clips_of_features(rng, clips, frames=2, dimensions=30):
    """Real and generated features (clips * frames, dimensions) whose frames are much alike in a clip."""
    scale = np.arange(1, dimensions + 1) ** -0.5
    real = rng.normal(size=(clips, 1, dimensions)) + 0.4 * rng.normal(size=(clips, frames, dimensions))
    noise = 0.3 * rng.normal(size=(clips, 1, dimensions)) + 0.2 * rng.normal(size=(clips, frames, dimensions))
    return [(values * scale).reshape(-1, dimensions) for values in (real, 0.8 * real + noise + 0.1)]


def distance(real, generated):
    once = np.ones(len(real))
    return frechet_distance(Gaussian.drawn(real, once), Gaussian.drawn(generated, once))


def test_drawn_distances_are_those_of_the_repeated_frames():
    real, generated = clips_of_features(np.random.default_rng(2), 4)
    clip, draws, calls = np.repeat(np.arange(4), 2), draw_clips(4, 6, 0), []
    found = frechet_draws(real, {"same": real, "other": generated}, clip, draws, lambda: calls.append(1))
    assert len(calls) == 12
    np.testing.assert_allclose(found["same"], 0, atol=1e-9)
    for number, counts in enumerate(draws):
        rows = np.concatenate([np.tile([2 * k, 2 * k + 1], times) for k, times in enumerate(counts)])
        assert found["other"][number] == pytest.approx(distance(real[rows], generated[rows]), rel=1e-9)


def test_share_of_intervals_that_hold_the_true_frechet_distance():
    """True is the mean distance of that many clips. The plain percentiles, which lie above it, hold it seldom."""
    clips, trials, rng = 20, 40, np.random.default_rng(0)
    true = np.mean([distance(*clips_of_features(rng, clips)) for _ in range(1000)])
    clip, hits, plain = np.repeat(np.arange(clips), 2), 0, 0
    for _ in range(trials):
        real, generated = clips_of_features(rng, clips)
        drawn = frechet_draws(real, {"model": generated}, clip, draw_clips(clips, 200, 0), lambda: None)["model"]
        lower, upper = centred_interval(distance(real, generated), drawn, clips, 0.95)
        hits += lower <= true <= upper
        lower, upper = np.quantile(drawn, [0.025, 0.975])
        plain += lower <= true <= upper
    assert hits / trials >= 0.88 and plain / trials < 0.6
