"""Which metrics a configuration asks for, and which of them this machine can compute."""

import contextlib
from pathlib import Path
from typing import get_args

import torch

from densepose_cache.core.errors import InputError
from densepose_cache.storage.weights import find_weights

from ...config import EvaluateSettings, PaperWeights
from ...model.perceptual import load_features
from .measure import Measure
from .measures import Inception, Keypoints, Lpips, Perceptual, Pixels, Steadiness

PAPER_WEIGHTS = get_args(PaperWeights)


def build_measures(settings: EvaluateSettings, folder: Path, device: torch.device) -> tuple[list[Measure], dict[str, str]]:
    """The measures of `settings`, and why metrics are missing: {name: reason}.

    `features: paper` raises InputError that lists every missing weight file. `features: embedded` leaves a metric out with a reason.
    """
    return _paper(settings, Path(folder), device) if settings.features == "paper" else _embedded(settings, Path(folder), device)


def _paper(settings: EvaluateSettings, folder: Path, device: torch.device) -> tuple[list[Measure], dict[str, str]]:
    from ..keypoints.keypoint_rcnn import KeypointRcnn

    paths, missing = {}, []
    for name in PAPER_WEIGHTS:
        try:
            paths[name] = find_weights(name, folder, settings.weights.get(name))
        except InputError as error:
            missing.append(str(error))
    if missing:
        raise InputError(
            "the paper's metrics need weight files that are not there:\n- " + "\n- ".join(missing) + "\n"
            "Fetch them or give their paths under `evaluate.weights`, or set `evaluate.features: embedded`, which needs no download "
            "and reports its metrics under names of their own."
        )
    measures = [
        Pixels(),
        Steadiness(),
        Lpips(paths["alexnet"], device),
        Perceptual(load_features("vgg19", folder, settings.weights.get("vgg19")), device),
        Inception(paths["inception"], device),
        Keypoints(KeypointRcnn(paths["keypointrcnn"], device)),
    ]
    return measures, {}


def _embedded(settings: EvaluateSettings, folder: Path, device: torch.device) -> tuple[list[Measure], dict[str, str]]:
    from ..keypoints.mediapipe_pose import TASK, MediaPipePose

    measures = [Pixels(), Steadiness(), Perceptual(load_features("embedded", folder), device, body=True, pooled=True)]
    unavailable = {}
    try:
        measures.append(Lpips(find_weights("alexnet", folder, settings.weights.get("alexnet")), device))
    except InputError as error:
        unavailable |= dict.fromkeys(("lpips_alex", "tlp_alex"), str(error))
    try:
        measures.append(Keypoints(MediaPipePose(TASK)))
    except InputError as error:
        unavailable |= dict.fromkeys(("akd_mediapipe", "akd_l2_mediapipe", "mkr_mediapipe"), str(error))
    return measures, unavailable


@contextlib.contextmanager
def closing(measures: list[Measure]):
    """Free what the measures hold when the block ends."""
    try:
        yield measures
    finally:
        for measure in measures:
            measure.close()
