"""What rules give to the commands: settings as JSON texts, and options."""

from functools import cache

from densepose_cache.storage.digest import canonical_json

from ..config import NO_RESULT, DatasetConfig
from .paths import run_folder
from .project import Project
from .stages import STAGES


@cache
def stage_texts(project: Project, stage: str, dataset: str, variant: str = "full") -> dict[str, str]:
    """JSON texts of the settings that `stage` of `dataset` reads, by name, with the keys that change no result."""
    settings = STAGES[stage].settings(project.datasets[dataset], variant)
    return {name: canonical_json(section.model_dump(mode="json")) for name, section in settings.items()}


def origin(project: Project, dataset: str, variant: str) -> str:
    """What a result is to say of where it comes from, as JSON text: data set, target, folders and settings."""
    return canonical_json(
        {
            "dataset": dataset,
            "target": f"{run_folder(project.folders, dataset, variant)}/metrics.json",
            "folders": project.folders.model_dump(),
            "settings": project.datasets[dataset].model_dump(mode="json", exclude=NO_RESULT),
        }
    )


def sample_options(data: DatasetConfig) -> str:
    """Options of the command `sample`; a switch that is on has no value."""
    source = data.source.model_dump(exclude={"kind"})
    return " ".join(f"--{name}" if value is True else f"--{name} {value}" for name, value in source.items())


def train_launcher(data: DatasetConfig) -> str:
    """What stands before the command `train`: Slurm's srun where there are several machines."""
    train = data.train
    return f"srun --nodes {train.nodes} --ntasks-per-node {train.devices} " if train.nodes > 1 else ""
