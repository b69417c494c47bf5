"""Intervals over clips by the bootstrap: clips are drawn with replacement, the frames of a clip stay together.

Frames of a clip are much alike, so that clips and not frames are what was sampled. Percentiles of the draws are too narrow for few clips:
their spread lacks the factor sqrt(K / (K - 1)), and Student's t has wider tails than the normal distribution; both are made up for in
the levels at which the percentiles are read (Hesterberg 2015, "expanded percentiles").
"""

import functools

import numpy as np
from scipy import stats

FEWEST = 5
"""Clips below which there is no interval: too few different draws."""

Interval = tuple[float, float]


@functools.lru_cache(maxsize=8)
def draw_clips(clips: int, resamples: int, seed: int) -> np.ndarray:
    """How often each clip is in each draw of `clips` clips with replacement: (resamples, clips) int64, read-only."""
    draws = np.random.default_rng(seed).multinomial(clips, np.full(clips, 1 / clips), size=resamples)
    draws.flags.writeable = False
    return draws


def expanded_level(confidence: float, clips: int) -> float:
    """Lower one of the two levels at which percentiles of draws of `clips` clips are read."""
    tail = stats.t.ppf((1 - confidence) / 2, clips - 1)
    return float(stats.norm.cdf(tail * np.sqrt(clips / (clips - 1))))


def mean_interval(values: np.ndarray, resamples: int, seed: int, confidence: float) -> Interval | None:
    """Interval of the mean of `values` (K,), one a clip, all finite; None below FEWEST clips.

    Bias-corrected and accelerated percentiles (BCa, Efron 1987) at expanded levels.
    """
    values = np.asarray(values, np.float64)
    if len(values) < FEWEST:
        return None
    mean = values.mean()
    means = draw_clips(len(values), resamples, seed) @ values / len(values)
    if np.ptp(means) == 0:
        return float(mean), float(mean)
    below = (np.mean(means < mean) + np.mean(means <= mean)) / 2
    bias = stats.norm.ppf(np.clip(below, 1 / resamples, 1 - 1 / resamples))
    deviations = values - mean
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    level = expanded_level(confidence, len(values))
    z = bias + stats.norm.ppf([level, 1 - level])
    lower, upper = np.quantile(means, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    return float(lower), float(upper)


def centred_interval(value: float, drawn: np.ndarray, clips: int, confidence: float) -> Interval | None:
    """Interval of a statistic that is no mean, from its values `drawn` (B,) of draws of `clips` clips; None below FEWEST clips.

    The draws are shifted so that their median is `value`. A Frechet distance of fewer clips is larger, and a draw holds fewer different
    clips than there are: unshifted percentiles would lie above the value itself. The interval is that of the distance that as many
    other clips would give, not of the distance of infinitely many.
    """
    if clips < FEWEST:
        return None
    level = expanded_level(confidence, clips)
    lower, centre, upper = np.quantile(drawn, [level, 0.5, 1 - level])
    return float(value + lower - centre), float(value + upper - centre)
