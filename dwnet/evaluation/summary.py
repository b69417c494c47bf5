"""From the values of single frames to those of clips and of the whole."""

import numpy as np

from .metrics.feature_file import FVD
from .metrics.frechet import frechet_distance
from .metrics.measure import Measure
from .metrics.measures import FrechetSums
from .windows import REAL, Values


def clip_summary(values: Values) -> dict:
    """{"metrics": ..., "baselines": ..., "real": ...} of a clip: means over its counted frames, and how many these are."""
    methods = {}
    for method, metrics in values.items():
        methods[method] = {}
        for name, parts in metrics.items():
            numbers = np.concatenate(parts)
            counted = numbers[np.isfinite(numbers)]
            if len(counted):
                methods[method][name] = {"value": float(counted.mean()), "frames": len(counted)}
    return {"metrics": methods.pop("model"), "real": methods.pop(REAL, {}), "baselines": methods}


def summarise(clips: dict, frechet: FrechetSums, measures: list[Measure], frames: int) -> dict:
    """{"metrics": ..., "baselines": ..., "real": ...} of the data set: means over clips of the clips' means.

    Frechet distances are there from two frames on. `real` is what the real frames have themselves.
    """
    methods = {"model": [clip["metrics"] for clip in clips.values()]}
    others = next(iter(clips.values()))["baselines"]
    methods |= {name: [clip["baselines"][name] for clip in clips.values()] for name in others}
    result = {method: _means(parts) for method, parts in methods.items()}
    for name in frechet.names:
        real = frechet.get(name, REAL)
        what = "windows" if name == FVD else "frames"
        for method, values in result.items() if real.count > 1 else ():
            other = frechet.get(name, method)
            values[name] = {
                "value": frechet_distance(real, other),
                "frames": frames,
                "clips": len(clips),
                f"real_{what}": real.count,
                f"generated_{what}": other.count,
                "dimensions": len(real.mean),
            }
    return {"metrics": result.pop("model"), "real": _means([clip.get("real", {}) for clip in clips.values()]), "baselines": result}


def uncounted(metrics: dict, measures: list[Measure]) -> dict[str, str]:
    """Why a metric has no value although it was measured: {name: reason}."""
    names = [name for measure in measures for name in (*measure.names, *measure.changes) if name not in metrics]
    reasons = dict.fromkeys(
        names, "no frame has a value: no body, nobody found on it, no joint that is found in both frames, or no frame before"
    )
    return reasons | {name: "needs two frames at least" for name in frechet_names(measures) if name not in metrics}


def frechet_names(measures: list[Measure]) -> list[str]:
    """Names of the Frechet distances that `measures` give."""
    return [measure.frechet for measure in measures if measure.frechet]


def _means(parts: list[dict]) -> dict:
    names = dict.fromkeys(name for part in parts for name in part)
    means = {}
    for name in names:
        found = [part[name] for part in parts if name in part]
        value = float(np.mean([item["value"] for item in found]))
        means[name] = {"value": value, "frames": sum(item["frames"] for item in found), "clips": len(found)}
    return means


def keypoint_summary(errors: dict[str, list[float]], measures: list[Measure]) -> dict:
    """The detector's own error on real frames, where the data set brings exact keypoints."""
    counted = {clip: [value for value in values if np.isfinite(value)] for clip, values in errors.items()}
    counted = {clip: values for clip, values in counted.items() if values}
    detector = next(measure.detector for measure in measures if measure.detector)
    if not counted:
        return {"detector": detector, "joints": "none found"}
    error = {
        "value": float(np.mean([np.mean(values) for values in counted.values()])),
        "frames": sum(map(len, counted.values())),
        "clips": len(counted),
    }
    return {"detector": detector, "detector_error": error}
