"""Read `config.yaml`: shared sections, and data sets that override any key of any section."""

import re
from pathlib import Path

from pydantic import ValidationError

from densepose_cache.config.base import Settings, check, explain, read_yaml
from densepose_cache.core.errors import InputError

from .dataset import SECTIONS, DatasetConfig, merge
from .model import GENERATORS

NAME = "[A-Za-z0-9_][A-Za-z0-9_-]*"
"""Names of data sets, as a regular expression."""


class Folders(Settings):
    """Where files go, relative to the folder that Snakemake runs in."""

    cache: str = "cache"
    """Shards of frames, IUV maps and coarse warp grids."""
    data: str = "data"
    """Videos, rendered or downloaded."""
    results: str = "results"
    """Models, videos, metrics, reports."""
    weights: str = "weights"
    """Downloaded weight files."""


class Config(Settings):
    """The whole configuration, every data set merged and checked."""

    folders: Folders
    datasets: dict[str, DatasetConfig]


def parse_config(raw: dict, where: str = "config.yaml") -> Config:
    """Check a raw configuration and merge every data set. Raises InputError with one line per wrong key."""
    raw = dict(raw)
    datasets = raw.pop("datasets", None)
    folders = raw.pop("folders", {})
    unknown = sorted(set(raw) - set(SECTIONS))
    if unknown:
        allowed = ", ".join(("folders", "datasets", *SECTIONS))
        raise InputError(f"{where}: unknown section {', '.join(unknown)}; allowed: {allowed}")
    if not isinstance(datasets, dict) or not datasets:
        raise InputError(f"{where}: `datasets` must name at least one data set")
    problems = [
        f"datasets: the name {name!r} may hold letters, digits, _ and - only" for name in datasets if not re.fullmatch(NAME, str(name))
    ]
    try:
        folders = check(Folders, folders)
    except ValidationError as error:
        problems.append(explain(error, "folders"))
    merged = {}
    for name, over in datasets.items():
        if not isinstance(over, dict):
            problems.append(f"datasets.{name}: must be a mapping with at least `source`")
            continue
        value = {
            section: merge(_shared(section, raw, over), over.get(section) or {})
            for section in SECTIONS
            if section in raw or section in over
        }
        value.update({key: item for key, item in over.items() if key not in SECTIONS})
        try:
            merged[name] = check(DatasetConfig, value)
        except ValidationError as error:
            problems.append(explain(error, f"datasets.{name}"))
    if problems:
        raise InputError(f"{where} is not usable:\n" + "\n".join(dict.fromkeys(_told_once("\n".join(problems).splitlines(), raw))))
    return Config(folders=folders, datasets=merged)


def _shared(section: str, raw: dict, over: dict):
    """A shared section as a data set takes it over: of `model` without the keys of the generator that the data set does not take."""
    shared, own = raw.get(section) or {}, over.get(section) or {}
    if section != "model" or not (isinstance(shared, dict) and isinstance(own, dict)):
        return shared
    chosen = own.get("generator", shared.get("generator", "dwnet"))
    if chosen == shared.get("generator", "dwnet"):
        return shared
    foreign = {key for name, keys in GENERATORS.items() if name != chosen for key in keys}
    return {key: value for key, value in shared.items() if key not in foreign}


def _told_once(problems: list[str], raw: dict) -> list[str]:
    """Problems of data sets that a shared section has, too, as the section's own."""
    shared = set()
    for section, value in raw.items():
        try:
            check(SECTIONS[section], value or {})
        except ValidationError as error:
            shared |= set(explain(error, section).splitlines())
    named = [re.sub(r"^datasets\.[^.]+\.", "", line) for line in problems]
    return [short if short in shared else line for short, line in zip(named, problems, strict=True)]


def load_config(path: Path | str = "config.yaml") -> Config:
    """Read and check a configuration file. Raises InputError."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such configuration file")
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: must be a mapping of sections")
    return parse_config(raw, str(path))
