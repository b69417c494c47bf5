"""What stops a run before any job, and what it is told when it starts."""

import atexit
import contextlib
import json
import os
import sys
from pathlib import Path

from densepose_cache.storage.lock import Taken
from densepose_cache.densepose.choice import published_file
from densepose_cache.core.errors import InputError
from densepose_cache.cache.shard import FOLDERS as SHARD_FOLDERS, open_shard
from densepose_cache.storage.names import dangling
from densepose_cache.storage.atomic import only_writer

# The folder of a data set, or of one of its runs, that a rule writes to.
WRITTEN = {
    DATA: ("sample", "fetch"),
    CACHE: ("clips", "decode", "densepose", "warp", "index"),
    RUN: ("train", "rollout", "evaluate"),
    f"{FOLDERS.results}/{{dataset}}": ("report", "ablation"),
    FOLDERS.weights: ("weights",),
}


def configured_files(data):
    """Paths of files that a data set's settings name, by key; its source is looked at by the stage that reads it."""
    files = {"densepose.weights": data.densepose.weights, "evaluate.pairs": data.evaluate.pairs}
    if data.train.start and not made_here(data.train.start):
        starts = {name: variant_train(data.train, name).start for name in VARIANTS}
        files |= {f"train.start of {name}": start_model(start) for name, start in starts.items() if start}
    files |= {f"evaluate.weights.{name}": path for name, path in data.evaluate.weights.items()}
    return {key: path for key, path in files.items() if path}


# Here and not in an input function: a rule whose input function fails is passed over in silence where its old output stands.
missing = [
    f"datasets.{name}.{key}: {dangling(path) or f'{path} does not exist'}"
    for name, data in CONFIG.datasets.items()
    for key, path in configured_files(data).items()
    if not Path(path).exists()
]
if missing:
    raise WorkflowError("the configuration names files that are not there; correct the path or set the key to null:\n" + "\n".join(missing))


def unmounted(folder):
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


# Everything would be computed anew otherwise, into the empty mount point.
gone = {key: unmounted(folder) for key, folder in FOLDERS.model_dump().items()}
if any(gone.values()):
    raise WorkflowError(
        "a folder of the configuration is missing; mount its file system, make the folder yourself, or correct the path:\n"
        + "\n".join(f"folders.{key}: {reason}" for key, reason in gone.items() if reason)
    )


def keep_others_out(jobs):
    """Let no other run, in whatever working folder, write to the folders that `jobs` write to, as long as this process lives.

    Snakemake deletes the outputs of a job before it runs it: what two runs make together, one of them would miss.
    """
    roots = {rule: root for root, rules in WRITTEN.items() for rule in rules}
    locks = contextlib.ExitStack()
    atexit.register(locks.close)
    for folder in sorted({roots[job.rule.name].format(**job.wildcards_dict) for job in jobs if job.rule.name in roots}):
        try:
            locks.enter_context(only_writer(Path(folder) / "run", wait=False))
        except Taken as holder:
            raise WorkflowError(
                f"{folder}: another run, {holder}, is making these files; run the same command again when it has ended, what it has finished "
                "is taken over, or name folders of your own in the section `folders` of the configuration"
            ) from None
        except InputError as error:
            raise WorkflowError(str(error)) from None


def check_sources():
    """Stop where the files of a planned data set have names, or are links, that no stage can read."""
    if BAD_SOURCES:
        raise WorkflowError("\n".join(BAD_SOURCES.values()))


# Section of a data set's settings by the stage that makes shards of it, and the keys that change nothing in a clip.
SHARD_SETTINGS = {
    "decode": ("video", ["bad_clips"]),
    "densepose": ("densepose", ["bad_clips", "weights"]),
    "warp": ("warp", []),
}


def check_settings(jobs):
    """Stop where `jobs` are to read shards that another working folder has made with other settings.

    Snakemake has no record of them here, so it takes them for what is wanted.
    """
    due = {(job.wildcards_dict.get("dataset"), job.rule.name) for job in jobs}
    for dataset in sorted({name for name, _ in due if name}):
        for folder, stage in SHARD_FOLDERS.items():
            path = Path(FOLDERS.cache) / dataset / folder / f"{shard_name(0)}.h5"
            if {(dataset, "clips"), (dataset, stage)} & due or not path.is_file():
                break
            section, free = SHARD_SETTINGS[stage]
            try:
                with open_shard(path, stage) as file:
                    found = json.loads(file.attrs["settings"])
            except InputError as error:
                raise WorkflowError(str(error)) from None
            wanted = getattr(CONFIG.datasets[dataset], section).decisive(*free)
            if other := [key for key in wanted if found.get(key) != wanted[key]]:
                raise WorkflowError(
                    f"{path}: was made from another working folder with other settings ({section}.{other[0]} was {found.get(other[0])}); set "
                    "the same here, or name a cache of your own with the key folders.cache"
                )


def name_embedded(jobs):
    """Say for which data sets `jobs` make rough maps for want of weights, and how to get better ones."""
    for name in sorted({job.wildcards_dict["dataset"] for job in jobs if job.rule.name == "densepose"}):
        if ASKED.datasets[name].densepose.backend == "auto" and CONFIG.datasets[name].densepose.backend == "embedded":
            path = published_file(CONFIG.datasets[name].densepose, FOLDERS.weights)
            reason = f"the cache has such maps, although there is {path}" if path.is_file() else f"there is no {path}"
            print(
                f"IUV maps of {name} by the small network that ships with the package: {reason}; "
                f"densepose.backend: rcnn makes better ones and downloads what that needs",
                file=sys.stderr,
            )
