"""Runs beside each other on the same clips: values and paired differences with intervals. docs/metrics.md says how to read them."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from densepose_cache.core.progress import Bar

from ..config import IntervalSettings
from .bootstrap import FEWEST, Interval, centred_interval, draw_clips, mean_interval
from .metrics.feature_file import open_features
from .metrics.frechet import frechet_draws
from .metrics.names import MEANINGS, better
from .runs import Run
from .windows import REAL

FIRST = ("perceptual_vgg19", "perceptual_efficientnet_lite0", "fid", "frechet_efficientnet_lite0")
"""Metrics of the paper's Figure 5, and their stand-ins: they come first."""
VALUES = ("metric", "method", "value", "lower", "upper", "clips", "frames")
DIFFERENCES = ("metric", "method", "reference", "difference", "lower", "upper", "clips", "verdict")

MOST_FRAMES = 1000
"""Frames of which Frechet distances are drawn: time grows with the cube of their number, and the frames of a clip are much alike."""
NONE = (np.nan, np.nan)
"""Bounds where there is no interval."""


class Results:
    """What runs measured on the same clips, and the baselines beside the first of them: values with their intervals, and differences.

    A method is the name of a run in `runs`, or of a baseline. Frechet distances are drawn of about `frames` frames.
    """

    def __init__(self, runs: dict[str, Run], settings: IntervalSettings, frames: int = MOST_FRAMES):
        self._settings = settings
        first = next(iter(runs.values())).metrics
        self._clips = list(first["clips"])
        self._totals = {name: run.metrics["metrics"] for name, run in runs.items()} | first["baselines"]
        clips = {name: [clip["metrics"] for clip in run.metrics["clips"].values()] for name, run in runs.items()}
        clips |= {name: [clip["baselines"][name] for clip in first["clips"].values()] for name in first["baselines"]}
        self._per_clip = clips
        self._drawn = draw_frechet(runs, settings, frames) if len(self._clips) >= FEWEST else {}

    @property
    def methods(self) -> list[str]:
        """Names of the runs, then those of the baselines."""
        return list(self._totals)

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics that some method has, those of Figure 5 first."""
        names = [*FIRST, *(name for name in MEANINGS if name not in FIRST)]
        return [name for name in names if any(name in totals for totals in self._totals.values())]

    def total(self, metric: str, method: str) -> dict | None:
        """{"value", "frames", "clips"} of a method, None where it has none."""
        return self._totals[method].get(metric)

    def per_clip(self, metric: str, method: str) -> np.ndarray:
        """Means (K,) of the clips, NaN where a clip has no value."""
        return np.array([values[metric]["value"] if metric in values else np.nan for values in self._per_clip[method]])

    def interval(self, metric: str, method: str) -> Interval | None:
        """Interval of the value of a method that has one."""
        if metric in self._drawn:
            return self._centred(self.total(metric, method)["value"], self._drawn[metric][method])
        return self._mean(self.per_clip(metric, method))

    def difference(self, metric: str, method: str, reference: str) -> tuple[float, Interval | None, int] | None:
        """Value of `method` minus that of `reference` on the clips where both have one, its interval, and how many clips these are."""
        first, second = self.total(metric, method), self.total(metric, reference)
        if not first or not second:
            return None
        if "dimensions" in first:
            value = first["value"] - second["value"]
            drawn = self._drawn.get(metric)
            return value, drawn and self._centred(value, drawn[method] - drawn[reference]), first["clips"]
        pairs = self.per_clip(metric, method) - self.per_clip(metric, reference)
        pairs = pairs[np.isfinite(pairs)]
        return (float(pairs.mean()), self._mean(pairs), len(pairs)) if len(pairs) else None

    def _mean(self, values: np.ndarray) -> Interval | None:
        settings = self._settings
        return mean_interval(values[np.isfinite(values)], settings.resamples, settings.seed, settings.confidence)

    def _centred(self, value: float, drawn: np.ndarray) -> Interval | None:
        return centred_interval(value, drawn, len(self._clips), self._settings.confidence)


def draw_frechet(runs: dict[str, Run], settings: IntervalSettings, frames: int = MOST_FRAMES) -> dict[str, dict[str, np.ndarray]]:
    """{distance: {method: (B,) distances of drawn clips}}; all methods of the same draws, of `frames` frames or few more."""
    drawn = {}
    first = next(iter(runs.values()))
    with open_features(first.features) as features:
        counts = {name: features.counts(name) for name in features.distances}
        counts = {name: lengths for name, lengths in counts.items() if lengths.min() > 0}  # a draw of clips without windows has no FVD
        chosen = {name: spread_frames(lengths, frames) for name, lengths in counts.items()}
        kept = (REAL, *first.metrics["baselines"])
        shared = {name: {method: features.read(name, method)[chosen[name][0]] for method in kept} for name in counts}
    draws = draw_clips(len(features.lengths), settings.resamples, settings.seed)
    for name, (rows, clip) in chosen.items():
        methods = {}
        for method, run in runs.items():
            with open_features(run.features) as features:
                methods[method] = features.read(name, "model")[rows]
        real = shared[name].pop(REAL)
        with Bar(name, len(draws) * (len(methods) + len(shared[name]))) as bar:
            drawn[name] = frechet_draws(real, methods | shared[name], clip, draws, bar.advance)
    return drawn


def spread_frames(lengths: np.ndarray, frames: int = MOST_FRAMES) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the frames that are drawn, evenly spread over each clip, and the number of each one's clip; `lengths` (K,) of the clips.

    They are all, or about `frames`, two of a clip at least.
    """
    most = max(2, frames // len(lengths)) if lengths.sum() > frames else lengths.max()
    starts = np.cumsum(lengths) - lengths
    chosen = [start + np.array(spread(length, most)) for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)]
    return np.concatenate(chosen), np.repeat(np.arange(len(lengths)), [len(rows) for rows in chosen])


def spread(length: int, number: int) -> list[int]:
    """At most `number` of the places 0..length-1, ascending: the middles of `number` equal parts."""
    number = min(number, length)
    return [(2 * place + 1) * length // (2 * number) for place in range(number)]


def value_table(results: Results) -> pd.DataFrame:
    """One row a metric and method (columns VALUES); where there is no interval its two cells are empty."""
    rows = []
    for metric in results.metrics:
        for method in results.methods:
            if total := results.total(metric, method):
                bounds = results.interval(metric, method) or NONE
                rows.append((metric, method, total["value"], *bounds, total["clips"], total["frames"]))
    return pd.DataFrame(rows, columns=VALUES)


def difference_table(results: Results, pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """One row a metric and pair (method, reference) of `pairs`, columns DIFFERENCES.

    `verdict` is how the method does beside the reference.
    """
    rows = []
    for metric in results.metrics:
        for method, reference in pairs:
            if found := results.difference(metric, method, reference):
                value, bounds, clips = found
                rows.append((metric, method, reference, value, *(bounds or NONE), clips, verdict(metric, bounds)))
    return pd.DataFrame(rows, columns=DIFFERENCES)


def verdict(metric: str, bounds: Interval | None) -> str:
    """`better` or `worse` where the interval of a difference excludes zero, else `undecided`."""
    if bounds is None or bounds[0] <= 0 <= bounds[1]:
        return "undecided"
    return "better" if better(metric, bounds[0], 0.0) else "worse"
