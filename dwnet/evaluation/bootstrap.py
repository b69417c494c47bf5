"""Intervals over clips by the bootstrap: clips are drawn with replacement, the frames of a clip stay together.

Frames of a clip are much alike, so that clips and not frames are what was sampled. Percentiles of the draws are too narrow for few clips:
their spread lacks the factor sqrt(K / (K - 1)), and Student's t has wider tails than the normal distribution. Means therefore take the
bootstrap-t (Efron 1981), which draws Student's t itself from skewed values, too. Other statistics have no standard error that is
quickly had; there both are made up for in the levels at which percentiles are read (Hesterberg 2015, "expanded percentiles").
"""

import functools

import numpy as np
from scipy import stats

FEWEST = 5
"""Clips below which there is no interval: too few different draws."""

SPREADLESS = 1e-6
"""Standard error of a draw, as a share of that of the clips, which is rounding alone."""

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

    Bootstrap-t: of every draw the distance of its mean from that of `values`, in its own standard errors. Draws of equal values have
    none, and lie infinitely far away; where they are so many that a bound were infinite, it is Student's.
    """
    values = np.asarray(values, np.float64)
    clips = len(values)
    if clips < FEWEST:
        return None
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(clips)
    if np.ptp(values) == 0:
        return float(mean), float(mean)
    draws, deviations = draw_clips(clips, resamples, seed), (values - mean) / error
    means = draws @ deviations / clips
    errors = np.sqrt(np.maximum(draws @ deviations**2 / clips - means**2, 0) / (clips - 1))
    with np.errstate(divide="ignore"):
        distances = np.where(errors > SPREADLESS, means / errors, np.copysign(np.inf, means))
    tail = (1 - confidence) / 2
    lowest, highest = np.quantile(distances, [tail, 1 - tail], method="nearest")
    student = stats.t.ppf(1 - tail, clips - 1)
    lowest, highest = (bound if np.isfinite(bound) else other for bound, other in ((lowest, -student), (highest, student)))
    return float(mean - highest * error), float(mean - lowest * error)


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
