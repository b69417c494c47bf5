"""A key's default and meaning stand in its typed section: config.yaml shows choices, docs/configuration.md is made of the sections."""

import importlib.util
import re
from collections.abc import Iterator
from typing import Literal, get_args, get_origin

import pytest
import yaml
from tiny_project import ROOT

from densepose_cache.config.base import Settings
from dwnet.config import SECTIONS, Folders, parse_config

spec = importlib.util.spec_from_file_location("write_configuration", ROOT / "workflow/scripts/configuration.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)

TEXT = (ROOT / "config.yaml").read_text()
FIELDS = {f"{name}.{key}": field for name, kind in SECTIONS.items() for key, field, _ in script.keys(kind, "")}


class Unmerged(yaml.SafeLoader):
    """Keeps the key `<<` and what it stands for, in place of merging it."""

    def flatten_mapping(self, node):
        """Leave the node as it is."""


Unmerged.add_constructor("tag:yaml.org,2002:merge", yaml.SafeLoader.construct_yaml_str)


def all_values(settings: Settings) -> dict:
    """Every key's value as YAML has it, also those that are not written out at their default."""
    values = {key: getattr(settings, key) for key in type(settings).model_fields}
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
    return {key: all_values(value) if isinstance(value, Settings) else value for key, value in plain.items()}


def idle(values: dict, defaults: dict, place: str) -> list[str]:
    """Keys below `place` that say what holds without them; those that take back a key of a `<<` are none."""
    found, taken_back = [], values.get("<<", {})
    for key in values.keys() - {"<<"}:
        if isinstance(values[key], dict) and isinstance(defaults[key], dict):
            found += idle(values[key], defaults[key], f"{place}.{key}")
        elif values[key] == defaults[key] and key not in taken_back:
            found.append(f"{place}.{key}")
    return found


def idle_keys(text: str) -> list[str]:
    """Keys of a configuration that say what holds without them; `source` and `shards` say what a data set is, in full."""
    raw = yaml.load(text, Unmerged)
    datasets, defaults = raw.pop("datasets"), {"folders": Folders()} | {name: kind() for name, kind in SECTIONS.items()}
    found = [key for name, values in raw.items() for key in idle(values, all_values(defaults[name]), name)]
    for name, given in datasets.items():
        merged = yaml.safe_load(text)["datasets"][name]
        bare = {"source": merged["source"], "train": {"preset": merged.get("train", {}).get("preset", "paper")}}
        without = all_values(parse_config(raw | {"datasets": {name: bare}}).datasets[name])
        found += [key for part in given.keys() & SECTIONS.keys() for key in idle(given[part], without[part], f"datasets.{name}.{part}")]
    return sorted(found)


def test_the_default_file_shows_choices_alone():
    assert idle_keys(TEXT) == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (("datasets:\n", "video: {size: 256}\ndatasets:\n"), "video.size"),
        (("datasets:\n", "folders: {cache: cache}\ndatasets:\n"), "folders.cache"),
        (("warp: {samples: {source: apart}}", "warp: {samples: {source: any}}"), "datasets.ubc_sample.warp.samples.source"),
        (("steps: 70\n", "steps: 70\n      targets: 3\n"), "datasets.sample.train.targets"),
        (("start: embedded\n", "start: null\n"), "datasets.sample.train.start"),
    ],
)
def test_a_key_at_its_default_is_found(change, key):
    assert change[0] in TEXT and key in idle_keys(TEXT.replace(*change))


def keys_by_line(node: yaml.MappingNode, place: tuple[str, ...] = ()) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Number of the line, from 0, and place of every key."""
    for key, value in node.value:
        yield key.start_mark.line, (*place, key.value)
        if isinstance(value, yaml.MappingNode) and key.value != "<<":
            yield from keys_by_line(value, (*place, key.value))


def repeated(text: str) -> list[str]:
    """Words of comments behind keys that speak of the key's default or name one of its values."""
    lines, found = text.splitlines(), []
    for line, place in keys_by_line(yaml.compose(text)):
        key = ".".join(place[2:] if place[0] == "datasets" else place)
        if key in FIELDS and " # " in lines[line]:
            kind = FIELDS[key].annotation
            values = set(get_args(kind)) if get_origin(kind) is Literal else set()
            words = re.findall(r"\w+", lines[line].split(" # ", 1)[1])
            found += [f"{key}: {word}" for word in words if word in values | {"default", "null"}]
    return found


def test_comments_of_the_default_file_leave_defaults_and_values_to_the_sections():
    """What is said once cannot be said wrongly elsewhere."""
    assert repeated(TEXT) == []
    line = "densepose: {backend: rcnn}"
    assert repeated(TEXT.replace(line, f"{line} # or embedded", 1)) == ["densepose.backend: embedded"]
    assert repeated(TEXT.replace(line, f"{line} # the default is another", 1)) == ["densepose.backend: default"]


def test_the_page_is_that_of_the_sections():
    assert script.PAGE.read_text(encoding="utf-8") == script.page(), "run: python workflow/scripts/configuration.py"


def test_the_page_has_every_key_with_its_meaning():
    page = script.page()
    assert FIELDS.keys() == {f"{name}.{key}" for name, kind in SECTIONS.items() for key in dotted(all_values(kind()))}
    for key, field in FIELDS.items():
        assert field.description and f"\n| `{key.split('.', 1)[1]}` | {script.default(field)}" in page, key


def dotted(values: dict, place: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield from dotted(value, f"{place}{key}.") if isinstance(value, dict) and value else [f"{place}{key}"]
