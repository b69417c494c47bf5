"""The evaluated runs of all variants, checked to be measured alike."""

from dataclasses import dataclass
from pathlib import Path

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.errors import InputError

from ..config import FORMATS, VARIANTS, EvaluateSettings
from ..evaluation.evaluate import data_digest
from ..evaluation.metrics.feature_file import NAME as FEATURES
from ..evaluation.metrics.feature_file import open_features
from ..evaluation.metrics_file import read_metrics
from ..inference.rollout_file import RolloutReader
from ..pretrained import EMBEDDED

ALIKE = ("clips", "frames", "size", "data", "max_frames", "blur_sigma")
"""What of the protocol must be the same."""


@dataclass(frozen=True)
class Run:
    """One evaluated variant."""

    variant: str
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


def load_runs(folder: Path) -> dict[str, Run]:
    """Runs of all variants in `folder`/{variant}, the full model first.

    Raises InputError, which names the file and what to do, if one is missing, is of another format, started from the generator that ships,
    or was measured in another way or on other frames than the full model.
    """
    runs = {}
    for variant in VARIANTS:
        place = Path(folder) / variant
        path = place / "metrics.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; train and measure that variant first: snakemake --cores all {path}")
        run = Run(variant, place, read_metrics(path))
        if run.metrics.get("format") != FORMATS["evaluate"]:
            raise InputError(f"{path}: is of another format than this version writes; {_again(path)}")
        if run.metrics["model"].get("train", {}).get("start") == EMBEDDED:
            raise InputError(
                f"{path}: was tuned from the generator that ships, but in a comparison every variant starts at random; take a data set "
                "whose train.start is null, such as `comparison`"
            )
        check_files(run)
        runs[variant] = run
        check_alike(runs["full"], run)
    return runs


def check_files(run: Run):
    """Raise InputError if features and generated frames beside metrics.json are not those that were measured."""
    path = run.folder / "metrics.json"
    with open_features(run.features) as features:
        if features.digest != run.metrics["digest"]:
            raise InputError(f"{run.features}: belongs to another evaluation than {path}; {_again(path)}")
    with RolloutReader(run.rollout) as rollout:
        if rollout.model_sha256 != run.metrics["model"]["sha256"]:
            raise InputError(f"{run.rollout}: was made with another model than {path} was measured with; {_again(path)}")


def check_alike(full: Run, run: Run):
    """Raise InputError if a variant was measured with other settings or networks, or on other frames, than the full model."""
    path, other = run.folder / "metrics.json", full.folder / "metrics.json"
    for key, same in (
        ("settings", decisive(run) == decisive(full)),
        ("extractors", run.metrics["extractors"] == full.metrics["extractors"]),
    ):
        if not same:
            raise InputError(f"{path}: was measured with other {key} than {other}; {_again(path)}")
    for key in ALIKE:
        found, wanted = run.metrics["protocol"][key], full.metrics["protocol"][key]
        if found != wanted:
            raise InputError(f"{path}: was measured on other frames than {other} ({key}: {found}, there {wanted}); {_again(path)}")


def decisive(run: Run) -> dict:
    """The settings of an evaluation on which its results depend."""
    return {key: value for key, value in run.metrics["settings"].items() if key not in EvaluateSettings.no_effect}


def check_data(run: Run, data: SplitReader):
    """Raise InputError if `data` is not the split that was measured."""
    names = list(run.metrics["clips"])
    if not set(names) <= set(data.clips) or data_digest(data, names) != run.metrics["protocol"]["data"]:
        path = run.folder / "metrics.json"
        raise InputError(f"{data.path}: holds other clips than {path} was measured on; {_again(path)}")


def _again(path: Path) -> str:
    return f"run it again: snakemake --cores all {path} --forcerun evaluate"
