"""Runs from other working folders: those that write to the same folders now, and those that made the cache before."""

import atexit
import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from densepose_cache.cache.shard import FOLDERS as SHARD_FOLDERS
from densepose_cache.cache.shard import open_shard, shard_name
from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import only_writer
from densepose_cache.storage.lock import Taken

from ..config import Folders
from .paths import cache_folder, written_folder
from .project import Project

SHARD_SETTINGS = {
    "decode": ("video", ["bad_clips"]),
    "densepose": ("densepose", ["bad_clips", "weights"]),
    "warp": ("warp", []),
}
"""Section of a data set's settings by the stage that makes shards of it, and the keys that change nothing in a clip."""


class Due(NamedTuple):
    """A job that a run is about to start."""

    rule: str
    wildcards: Mapping[str, str]


def keep_others_out(folders: Folders, due: Iterable[Due]) -> contextlib.ExitStack:
    """Let no other run, in whatever working folder, write to the folders that the jobs write to, as long as this process lives.

    Snakemake deletes the outputs of a job before it runs it: what two runs make together, one of them would miss. Returns what can be
    closed to let the others in again. Raises InputError where another run is there, or a folder cannot be written to.
    """
    locks = contextlib.ExitStack()
    atexit.register(locks.close)
    for folder in sorted({folder for job in due if (folder := written_folder(folders, *job))}):
        try:
            locks.enter_context(only_writer(Path(folder) / "run", wait=False))
        except Taken as holder:
            raise InputError(
                f"{folder}: another run, {holder}, is making these files; run the same command again when it has ended, what it has "
                "finished is taken over, or name folders of your own in the section `folders` of the configuration"
            ) from None
    return locks


def check_settings(project: Project, due: Iterable[Due]):
    """Raise InputError where jobs are to read shards that another working folder has made with other settings.

    Snakemake has no record of them here, so it takes them for what is wanted.
    """
    made = {(job.wildcards.get("dataset"), job.rule) for job in due}
    for dataset in sorted({name for name, _ in made if name}):
        for folder, stage in SHARD_FOLDERS.items():
            path = Path(cache_folder(project.folders, dataset)) / folder / f"{shard_name(0)}.h5"
            if {(dataset, "clips"), (dataset, stage)} & made or not path.is_file():
                break
            section, free = SHARD_SETTINGS[stage]
            with open_shard(path, stage) as file:
                found = json.loads(file.attrs["settings"])
            wanted = getattr(project.datasets[dataset], section).decisive(*free)
            if other := [key for key in wanted if found.get(key) != wanted[key]]:
                raise InputError(
                    f"{path}: was made from another working folder with other settings ({section}.{other[0]} was {found.get(other[0])}); "
                    "set the same here, or name a cache of your own with the key folders.cache"
                )
