"""The configuration as the rules read it."""

from dataclasses import dataclass
from pathlib import Path

from densepose_cache.core.errors import InputError
from densepose_cache.densepose.choice import choose_backend

from ..config import Config, DatasetConfig, Folders, parse_config


@dataclass(frozen=True, eq=False)
class Project:
    """A configuration as it was written, and as the stages work by it: with a DensePose backend in place of `auto`.

    Two projects are never equal, so that functions of one can be cached.
    """

    asked: Config
    config: Config

    @property
    def folders(self) -> Folders:
        return self.config.folders

    @property
    def datasets(self) -> dict[str, DatasetConfig]:
        return self.config.datasets


def read_project(raw: dict) -> Project:
    """The project of a raw configuration, whose folders are looked at in the working folder.

    Raises InputError with one line per wrong key, or for a DensePose model that cannot be had.
    """
    asked = parse_config(raw, "the configuration")
    datasets = {name: _with_backend(name, data, asked.folders) for name, data in asked.datasets.items()}
    return Project(asked, asked.model_copy(update={"datasets": datasets}))


def _with_backend(name: str, data: DatasetConfig, folders: Folders) -> DatasetConfig:
    try:
        settings = choose_backend(data.densepose, Path(folders.weights), Path(folders.cache) / name)
    except InputError as error:
        raise InputError(f"datasets.{name}: {error}") from None
    return data.model_copy(update={"densepose": settings})
