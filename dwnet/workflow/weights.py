"""Weight files of networks: which a stage reads, and where they are."""

import re
from collections.abc import Callable
from typing import get_args

from densepose_cache.storage.weights import WEIGHTS

from ..config import DatasetConfig, PaperWeights

WEIGHT_FILES = "|".join(re.escape(weights.file) for weights in WEIGHTS.values())
"""Names of published weight files, as a regular expression."""


def weights_name(file: str) -> str:
    """The name of the published weights whose file is called `file`."""
    return next(name for name, weights in WEIGHTS.items() if weights.file == file)


def weight_files(section: str, data: DatasetConfig, folder: str) -> list[str]:
    """The weight files that `section` (densepose, train, evaluate) of a data set's settings reads.

    Each is where the configuration says, or the published file in `folder`, where it is downloaded to.
    """
    return [path or f"{folder}/{WEIGHTS[name].file}" for name, path in _WANTED[section](data).items()]


def _densepose(data: DatasetConfig) -> dict[str, str | None]:
    needed = data.densepose.backend not in ("precomputed", "embedded")
    return {data.densepose.model: data.densepose.weights} if needed else {}


def _train(data: DatasetConfig) -> dict[str, str | None]:
    train = data.train
    needed = train.features == "vgg19" and (train.losses.perceptual > 0 or train.losses.warp > 0)
    return {"vgg19": None} if needed else {}


def _evaluate(data: DatasetConfig) -> dict[str, str | None]:
    evaluate = data.evaluate
    names = get_args(PaperWeights) if evaluate.features == "paper" else evaluate.weights
    i3d = {"i3d": None} if evaluate.fvd and evaluate.features == "paper" else {}
    return {name: evaluate.weights.get(name) for name in names} | i3d


_WANTED: dict[str, Callable[[DatasetConfig], dict[str, str | None]]] = {"densepose": _densepose, "train": _train, "evaluate": _evaluate}
"""Names of the weights that a section reads, each with its path in the configuration or None."""
