"""What stops a run before anything is planned: files and folders of the configuration that are not there."""

import os
from pathlib import Path

from densepose_cache.core.errors import InputError
from densepose_cache.storage.names import dangling

from ..config import VARIANTS, DatasetConfig, Folders, variant_train
from .inputs import is_trained_here, start_model
from .project import Project


def check_files(project: Project):
    """Raise InputError, which names all of them, for files of the configuration that are not there.

    It cannot wait for the rules that read them: one whose input function fails is passed over in silence where its old output stands.
    """
    missing = [
        f"datasets.{name}.{key}: {dangling(path) or f'{path} does not exist'}"
        for name, data in project.datasets.items()
        for key, path in _configured_files(project, data).items()
        if not Path(path).exists()
    ]
    if missing:
        raise InputError(
            "the configuration names files that are not there; correct the path or set the key to null:\n" + "\n".join(missing)
        )


def _configured_files(project: Project, data: DatasetConfig) -> dict[str, str]:
    """Paths of files that a data set's settings name, by key; its source is looked at by the stage that reads it."""
    files = {"densepose.weights": data.densepose.weights, "evaluate.pairs": data.evaluate.pairs}
    if data.train.start and not is_trained_here(project, data.train.start):
        starts = {name: variant_train(data.train, name).start for name in VARIANTS}
        files |= {f"train.start of {name}": start_model(start) for name, start in starts.items() if start}
    files |= {f"evaluate.weights.{name}": path for name, path in data.evaluate.weights.items()}
    return {key: path for key, path in files.items() if path}


def check_folders(folders: Folders):
    """Raise InputError for folders that seem to lie on a file system that is not there: all would be made anew, into the empty mount
    point."""
    gone = {key: unmounted(folder) for key, folder in folders.model_dump().items()}
    if any(gone.values()):
        raise InputError(
            "a folder of the configuration is missing; mount its file system, make the folder yourself, or correct the path:\n"
            + "\n".join(f"folders.{key}: {reason}" for key, reason in gone.items() if reason)
        )


def unmounted(folder: str) -> str | None:
    """Why the configured `folder` seems to lie on a file system that is not there; None if it does not."""
    path = Path(folder)
    if reason := dangling(path):
        return reason
    if path.exists() or not path.is_absolute():
        return None
    if not path.parent.is_dir():
        return f"{path.parent}, in which {path.name} is to be made, is not there"
    if not os.path.ismount(path.parent) and not any(path.parent.iterdir()):
        return f"{path.parent}, in which {path.name} is to be made, is empty and nothing is mounted there"
    return None
