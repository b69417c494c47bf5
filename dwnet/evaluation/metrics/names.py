"""What every metric is called, where better is, and in what order people read them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """How a metric is shown: a title, its unit, digits behind the point, and whether higher is better."""

    title: str
    unit: str
    digits: int
    higher_is_better: bool = False


MEANINGS = {
    "l1": Meaning("L1", "colours in [0, 1]", 4),
    "l1_body": Meaning("L1, body", "colours in [0, 1]", 4),
    "psnr": Meaning("PSNR", "dB", 2, True),
    "ssim": Meaning("SSIM", "", 3, True),
    "lpips_alex": Meaning("LPIPS, AlexNet", "", 4),
    "perceptual_vgg19": Meaning("Perceptual, VGG-19", "", 4),
    "perceptual_efficientnet_lite0": Meaning("Perceptual, EfficientNet-Lite0", "", 4),
    "perceptual_efficientnet_lite0_body": Meaning("Perceptual, EfficientNet-Lite0, body", "", 4),
    "warp_error": Meaning("Warping error, body", "colours in [0, 1]", 4),
    "tlp_alex": Meaning("tLP, LPIPS AlexNet", "", 4),
    "tlp_vgg19": Meaning("tLP, VGG-19", "", 4),
    "tlp_efficientnet_lite0": Meaning("tLP, EfficientNet-Lite0", "", 4),
    "fid": Meaning("FID", "Inception-v3", 2),
    "frechet_efficientnet_lite0": Meaning("Frechet, EfficientNet-Lite0", "not FID", 2),
    "fvd_i3d": Meaning("FVD, I3D logits", "16 frames", 1),
    "akd_keypointrcnn": Meaning("AKD, Keypoint R-CNN", "pixels at 256x256", 2),
    "akd_l2_keypointrcnn": Meaning("AKD, Euclidean, Keypoint R-CNN", "pixels at 256x256", 2),
    "mkr_keypointrcnn": Meaning("MKR, Keypoint R-CNN", "share", 4),
    "akd_mediapipe": Meaning("AKD, MediaPipe", "pixels at 256x256", 2),
    "akd_l2_mediapipe": Meaning("AKD, Euclidean, MediaPipe", "pixels at 256x256", 2),
    "mkr_mediapipe": Meaning("MKR, MediaPipe", "share", 4),
}

METHODS = {
    "model": "model",
    "untuned": "shipped, untuned",
    "coarse_warp": "coarse warp",
    "filled_warp": "filled warp",
    "coarse_warp_blurred": "coarse warp, blurred",
    "copy_source": "copied source",
}
"""Columns of a table: the model, what it was tuned from, the baselines."""

VARIANT_TITLES = {
    "full": "full",
    "no_prev": "no previous",
    "no_prev_no_refine": "no previous/refine",
    "no_prev_no_refine_no_warp": "no previous/refine/warp",
}
"""Variants of the model; in the paper's Figure 5: full, No d, No d and refined W, No d and no W at all."""


def heading(title: str) -> str:
    """The title of a method or variant as head of a narrow column: a line break behind every comma and slash."""
    return title.replace(", ", ",\n").replace("/", "/\n")


def better(name: str, first: float, second: float) -> bool:
    """True if `first` is a strictly better value of metric `name` than `second`."""
    return first > second if MEANINGS[name].higher_is_better else first < second


def by_method(summary: dict) -> dict[str, dict]:
    """{method: {metric: {"value": ...}}} of a summary with keys `metrics` and `baselines`, the model first."""
    return {"model": summary["metrics"], **{name: summary["baselines"][name] for name in METHODS if name in summary["baselines"]}}


def table(summary: dict) -> list[dict]:
    """Rows of the metrics table: name, title, unit, cells by method, frames and clips counted.

    A cell is None, or {"text", "best", "value", "bounds", "half"}: the last two are texts of its interval and of half its width, empty
    where there is none.
    """
    methods = by_method(summary)
    rows = []
    for name in (name for name in MEANINGS if any(name in values for values in methods.values())):
        meaning = MEANINGS[name]
        found = {method: values[name] for method, values in methods.items() if name in values}
        best = (max if meaning.higher_is_better else min)(value["value"] for value in found.values())
        cells = {method: _cell(found[method], best, meaning.digits) if method in found else None for method in methods}
        counts = next(iter(found.values()))
        rows.append({"name": name, "meaning": meaning, "cells": cells, "frames": counts["frames"], "clips": counts.get("clips")})
    return rows


def _cell(value: dict, best: float, digits: int) -> dict:
    lower, upper = value.get("interval") or (None, None)
    return {
        "text": f"{value['value']:.{digits}f}",
        "best": value["value"] == best,
        "value": value["value"],
        "bounds": "" if lower is None else f"{lower:.{digits}f} to {upper:.{digits}f}",
        "half": "" if lower is None else f"{(upper - lower) / 2:.{digits}f}",
    }
