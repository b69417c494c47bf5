"""The backend that a configuration names."""

from pathlib import Path

from ...config import DensePoseSettings
from ..backend import Backend


def make_backend(settings: DensePoseSettings, weights: Path) -> Backend:
    """The backend that `settings` name; `weights` is the folder of published weight files. Raises InputError where it cannot run."""
    if settings.backend == "precomputed":
        from .precomputed import Precomputed

        return Precomputed(settings.png_order)
    from ..detector import Detector

    return Detector(settings, weights)
