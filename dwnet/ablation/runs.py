"""The evaluated runs of all variants, checked to be measured alike."""

from pathlib import Path

from densepose_cache.core.errors import InputError

from ..config import VARIANTS
from ..evaluation.runs import Run, check_alike, load_run
from ..inference.rollout_file import RolloutReader
from ..pretrained import EMBEDDED


def load_runs(folder: Path) -> dict[str, Run]:
    """Runs of all variants in `folder`/{variant}, the full model first.

    Raises InputError, which names the file and what to do, if one is missing, is of another format, started from the generator that ships,
    or was measured in another way or on other frames than the full model.
    """
    runs = {}
    for variant in VARIANTS:
        path = Path(folder) / variant / "metrics.json"
        if not path.is_file():
            raise InputError(f"{path}: no such file; train and measure that variant first: snakemake --cores all {path}")
        run = load_run(path)
        if run.metrics["model"].get("train", {}).get("start") == EMBEDDED:
            raise InputError(
                f"{path}: was tuned from the generator that ships, but in a comparison every variant starts at random; take a data set "
                "whose train.start is null, such as `comparison`"
            )
        check_rollout(run)
        runs[variant] = run
        check_alike(runs["full"], run)
    return runs


def check_rollout(run: Run):
    """Raise InputError if the generated frames beside metrics.json are not those that were measured."""
    path = run.folder / "metrics.json"
    with RolloutReader(run.rollout) as rollout:
        if rollout.model_sha256 != run.metrics["model"]["sha256"]:
            raise InputError(
                f"{run.rollout}: was made with another model than {path} was measured with; run it again: snakemake --cores all {path} "
                "--forcerun evaluate"
            )
