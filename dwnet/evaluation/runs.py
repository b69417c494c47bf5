"""Evaluated runs that are compared, checked to be measured alike."""

from dataclasses import dataclass
from pathlib import Path

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.errors import InputError

from ..config import FORMATS, INTERVAL_KEYS, EvaluateSettings
from .metrics.feature_file import NAME as FEATURES
from .metrics.feature_file import open_features
from .metrics_file import read_metrics
from .protocol import data_digest

ALIKE = ("clips", "frames", "size", "data", "max_frames", "blur_sigma")
"""What of the protocol must be the same."""


@dataclass(frozen=True)
class Run:
    """An evaluated run: `folder` holds metrics.json, features.h5 and rollout.h5."""

    folder: Path
    metrics: dict
    """Content of metrics.json."""

    @property
    def features(self) -> Path:
        """Features of the measured frames."""
        return self.folder / FEATURES

    @property
    def rollout(self) -> Path:
        """Generated frames."""
        return self.folder / "rollout.h5"


def load_run(path: Path) -> Run:
    """The run of a metrics.json. Raises InputError if it is missing, of another format, or not what the files beside it belong to."""
    run = Run(path.parent, read_metrics(path))
    if run.metrics.get("format") != FORMATS["evaluate"]:
        raise InputError(f"{path}: is of another format than this version writes; {_again(path)}")
    with open_features(run.features) as features:
        if features.digest != run.metrics["digest"]:
            raise InputError(f"{run.features}: belongs to another evaluation than {path}; {_again(path)}")
    return run


def check_alike(first: Run, run: Run):
    """Raise InputError if `run` was measured with other settings or networks, or on other frames, than `first`."""
    path, other = run.folder / "metrics.json", first.folder / "metrics.json"
    for key, same in (
        ("settings", decisive(run) == decisive(first)),
        ("extractors", run.metrics["extractors"] == first.metrics["extractors"]),
    ):
        if not same:
            raise InputError(f"{path}: was measured with other {key} than {other}; {_again(path)}")
    for key in ALIKE:
        found, wanted = run.metrics["protocol"][key], first.metrics["protocol"][key]
        if found != wanted:
            raise InputError(f"{path}: was measured on other frames than {other} ({key}: {found}, there {wanted}); {_again(path)}")


def decisive(run: Run) -> dict:
    """The settings of an evaluation on which its values depend."""
    free = EvaluateSettings.no_effect.union(INTERVAL_KEYS)
    return {key: value for key, value in run.metrics["settings"].items() if key not in free}


def check_data(run: Run, data: SplitReader):
    """Raise InputError if `data` is not the split that was measured."""
    names = list(run.metrics["clips"])
    if not set(names) <= set(data.clips) or data_digest(data, names) != run.metrics["protocol"]["data"]:
        path = run.folder / "metrics.json"
        raise InputError(f"{data.path}: holds other clips than {path} was measured on; {_again(path)}")


def _again(path: Path) -> str:
    return f"run it again: snakemake --cores all {path} --forcerun evaluate"
