"""Intervals over clips of all that a metrics.json says (docs/metrics.md)."""

from pathlib import Path

from ..config import INTERVAL_KEYS, IntervalSettings
from .bootstrap import FEWEST
from .paired import Results
from .runs import Run

FRECHET_FRAMES = 240
"""About so many frames are drawn for the intervals of Frechet distances, evenly spread over the clips."""


def with_intervals(summary: dict, features: Path, settings: IntervalSettings) -> dict:
    """The `summary` with an `interval` [lower, upper] in every value, and with what they are, or why there are none, as `intervals`.

    `features` is the features.h5 that belongs to it. Nothing is computed where the summary has them already.
    """
    wanted = {key: getattr(settings, key) for key in INTERVAL_KEYS}
    clips = len(summary["clips"])
    if clips < FEWEST:
        return summary | {"intervals": {"none": f"{clips} clips; at least {FEWEST} are needed for intervals over clips"}}
    if summary.get("intervals") == (wanted := wanted | {"clips": clips, "frechet_frames": FRECHET_FRAMES}):
        return summary
    results = Results({"model": Run(features.parent, summary)}, settings, FRECHET_FRAMES)
    methods = {name: _bounded(results, name, values) for name, values in ({"model": summary["metrics"]} | summary["baselines"]).items()}
    return summary | {"metrics": methods.pop("model"), "baselines": methods, "intervals": wanted}


def _bounded(results: Results, method: str, values: dict) -> dict:
    """{metric: {"value", ..., "interval"}} of a method; no interval where too few clips have a value."""
    bounded = {}
    for metric, value in values.items():
        bounds = results.interval(metric, method)
        value = {key: item for key, item in value.items() if key != "interval"}
        bounded[metric] = value | ({"interval": list(bounds)} if bounds else {})
    return bounded
