"""The ablations: what each changes in the sections `model` and `train`."""

from densepose_cache.core.errors import InputError

from ..pretrained import EMBEDDED
from .model import ModelSettings
from .train import TrainSettings

VARIANTS: dict[str, dict[str, bool]] = {
    "full": {},
    "no_prev": {"previous": False},
    "no_prev_no_refine": {"previous": False, "refine": False, "visibility": False},
    "no_prev_no_refine_no_warp": {"previous": False, "refine": False, "visibility": False, "coarse_warp": False},
}
"""Ablations of the paper's Figure 5: what each changes in the model section."""
VARIANT = "{variant}"
"""In `train.start`: the name of the variant that is trained."""


def variant_model(model: ModelSettings, variant: str) -> ModelSettings:
    """Model settings of an ablation. Raises InputError for an unknown name."""
    if variant not in VARIANTS:
        raise InputError(f"variant {variant!r} is unknown; allowed: {', '.join(VARIANTS)}")
    return model.model_copy(update=VARIANTS[variant])


def variant_train(train: TrainSettings, variant: str) -> TrainSettings:
    """Training settings of an ablation."""
    return train.model_copy(update={"start": variant_start(train.start, variant)})


def variant_start(start: str | None, variant: str) -> str | None:
    """`train.start` of an ablation: `{variant}` in it is its name. What ships is a full model: the others start at random."""
    if start == EMBEDDED and variant != "full":
        return None
    return start and start.replace(VARIANT, variant)
