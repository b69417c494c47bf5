"""Compare clips, cache and weight files of a result with those that are there now."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from densepose_cache.cache.index import read_index
from densepose_cache.clips import clip_digests, read_table, table_digest
from densepose_cache.config import read_source
from densepose_cache.core.errors import InputError
from densepose_cache.stages.clips import current_table
from densepose_cache.storage.digest import file_sha256
from densepose_cache.storage.weights import WEIGHTS

from ..evaluation.keypoints.mediapipe_pose import NAME as POSE
from ..evaluation.keypoints.mediapipe_pose import TASK
from .finding import Finding, compared, short
from .record import Record

MADE = {"sample": "manifest.csv", "urls": "fetched.csv"}
"""By kind of source: the table that stands in the folder of videos where the workflow has rendered or downloaded them."""
SHOWN = 5
"""Names of clips in a line."""


def check_clips(record: Record, read_all: bool) -> Finding:
    """The clips that the source holds now. With `read_all` all files are read, else those that look changed by size or time."""
    name, source = "clips and videos", record.origin.settings["source"]
    made = MADE.get(source.get("kind"))
    if made and not (record.data / made).is_file():
        return Finding(name, "absent", f"{record.data / made} is not there; the workflow renders or downloads the videos again")
    try:
        now = current_table(read_source(json.dumps(source)), record.data, record.origin.cache, read_all)
    except (InputError, OSError) as error:
        return Finding(name, "differs", " ".join(str(error).split()))
    there = table_digest(now)
    if there == record.clips["digest"]:
        how = "all files read" if read_all else "by size and time of change, --verify reads them"
        return Finding(name, "same", f"{_numbers(record.clips['train'], record.clips['test'])}, {short(there)} ({how})")
    splits = now["split"].value_counts()
    counts = _numbers(record.clips["train"], record.clips["test"]), _numbers(splits.get("train", 0), splits.get("test", 0))
    return Finding(name, "differs", _changes(record, now) or f"{counts[0]} then, {counts[1]} now, and the clip table of then is gone")


def _numbers(train: int, test: int) -> str:
    return f"{train} for training, {test} for testing"


def _changes(record: Record, now: pd.DataFrame) -> str:
    """Which clips are new, gone or changed, if the cache still has the clip table of then; else nothing."""
    try:
        table = read_table(Path(record.clips["table"]))
    except InputError:
        return ""
    if table_digest(table) != record.clips["digest"]:
        return ""
    before, after = clip_digests(table), clip_digests(now)
    both = before.index.intersection(after.index)
    found = {
        "changed": both[before[both] != after[both]],
        "gone": before.index.difference(after.index),
        "new": after.index.difference(before.index),
    }
    return "; ".join(f"{word}: {_some(names)}" for word, names in found.items() if len(names))


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def check_cache(record: Record) -> Iterator[Finding]:
    """The indexes of the cache, whose digests are of all frames, maps and grids."""
    for split, then in record.indexes.items():
        path = record.origin.cache / f"{split}.h5"
        if not path.is_file():
            yield Finding(f"cache, {split}", "absent", f"{path} is not there; the workflow makes it again")
            continue
        try:
            yield compared(f"cache, {split}", then, read_index(path).digest)
        except InputError as error:
            yield Finding(f"cache, {split}", "differs", str(error))


class WeightFile(NamedTuple):
    """A file of weights: what it serves, its SHA-256 then, where it lies now, whether the workflow gets it again where it is gone."""

    name: str
    sha256: str
    path: Path
    fetched: bool


def check_weights(record: Record) -> Iterator[Finding]:
    """The files of weights that a result depends on, by their SHA-256."""
    for name, then, path, fetched in weight_files(record):
        if path.is_file():
            yield compared(f"weights, {name}", then, file_sha256(path))
        elif fetched:
            yield Finding(f"weights, {name}", "absent", f"{path} is not there; the workflow gets it again")
        else:
            yield Finding(f"weights, {name}", "differs", f"{path} is gone")


def weight_files(record: Record) -> Iterator[WeightFile]:
    """Files of weights, each once; those that are part of another package are known by its version."""
    settings, folder = record.origin.settings, Path(record.origin.folders.weights)
    if "densepose" in record.weights:
        path, fetched = _detector(settings["densepose"], folder)
        yield WeightFile("densepose", record.weights["densepose"], path, fetched)
    if "train.features" in record.weights:
        yield WeightFile("train.features", record.weights["train.features"], folder / WEIGHTS["vgg19"].file, True)
    if "train.start" in record.weights:
        yield WeightFile("train.start", record.weights["train.start"], record.origin.start, False)
    given = settings["evaluate"]["weights"]
    for name, facts in record.extractors.items():
        if name == POSE:
            yield WeightFile(f"evaluate.{name}", facts["sha256"], TASK, False)
        elif file := WEIGHTS[name].file if name in WEIGHTS else facts.get("file"):
            yield WeightFile(f"evaluate.{name}", facts["sha256"], Path(given.get(name) or folder / file), name not in given)


def _detector(settings: dict[str, Any], folder: Path) -> tuple[Path, bool]:
    """Where the weights of the section `densepose` lie, and whether the workflow downloads them."""
    if settings["backend"] == "embedded":
        from densepose_cache.iuv_network.weights import WEIGHTS as SHIPPED

        return SHIPPED, False
    given = settings["weights"]
    return (Path(given), False) if given else (folder / WEIGHTS[settings["model"]].file, True)
