"""Which backend `auto` stands for."""

from pathlib import Path

from ..config import DensePoseSettings
from ..weights import WEIGHTS
from .models import check_model


def choose_backend(settings: DensePoseSettings, weights: Path) -> DensePoseSettings:
    """`settings` with another backend in place of `auto`: `rcnn` where its checkpoint is, `embedded` where it is not.

    The checkpoint is the file that `settings` name, or the published one of their model in the folder `weights`. Raises InputError if
    `check_model` finds that there can be none.
    """
    check_model(settings)
    if settings.backend != "auto":
        return settings
    there = settings.weights is not None or published_file(settings, weights).is_file()
    return settings.model_copy(update={"backend": "rcnn" if there else "embedded"})


def published_file(settings: DensePoseSettings, weights: Path) -> Path:
    """Where the published checkpoint of the model lies in the folder `weights`, if it is there."""
    return Path(weights) / WEIGHTS[settings.model].file
