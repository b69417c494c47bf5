"""The stages: which follows which, and the settings that each reads."""

from collections.abc import Callable
from typing import NamedTuple

from densepose_cache.config.base import Settings

from ..config import DatasetConfig, EvaluateSettings, variant_model, variant_train

ROLLOUT_KEYS = {"pairs", "max_frames", "batch", "precision", "device"}
"""Keys of the section `evaluate` that the rollout reads: the others are only for the evaluation."""


class Stage(NamedTuple):
    """A stage follows `before`, if there is one. `settings` of a data set and a variant are the sections that it reads, by name."""

    before: str | None
    settings: Callable[[DatasetConfig, str], dict[str, Settings]]


STAGES: dict[str, Stage] = {
    "sample": Stage(None, lambda data, variant: {"source": data.source}),
    "fetch": Stage(None, lambda data, variant: {"source": data.source}),
    "clips": Stage(None, lambda data, variant: {"source": data.source}),
    "decode": Stage("clips", lambda data, variant: {"settings": data.video}),
    "densepose": Stage("decode", lambda data, variant: {"settings": data.densepose}),
    "warp": Stage("densepose", lambda data, variant: {"settings": data.warp}),
    "index": Stage("warp", lambda data, variant: {}),
    "train": Stage(
        "index", lambda data, variant: {"model": variant_model(data.model, variant), "settings": variant_train(data.train, variant)}
    ),
    "rollout": Stage("train", lambda data, variant: {"settings": rollout_settings(data.evaluate)}),
    "evaluate": Stage("rollout", lambda data, variant: {"settings": data.evaluate}),
    "report": Stage("evaluate", lambda data, variant: {"settings": data.report}),
    "ablation": Stage("evaluate", lambda data, variant: {"settings": data.ablation}),
}
"""The stages by name, which is that of their rule."""


def rollout_settings(evaluate: EvaluateSettings) -> EvaluateSettings:
    """The keys of the evaluation that the rollout reads, the others at their defaults."""
    return EvaluateSettings.model_validate(evaluate.model_dump(include=ROLLOUT_KEYS))
