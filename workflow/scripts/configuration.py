"""Write docs/configuration.md, every key of the configuration, from the typed sections.

Usage: python workflow/scripts/configuration.py

Run it in the checkout after a change of a section in densepose_cache/config or dwnet/config.
"""

import json
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from densepose_cache.config import Source
from densepose_cache.config.base import Settings
from dwnet.config import GENERATORS, PRESETS, SAMPLE_PRESETS, SECTIONS, DatasetConfig, Folders

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/configuration.md"
TEXT = """# Configuration

Made by `python workflow/scripts/configuration.py` from the sections, `densepose_cache/config` and `dwnet/config`.

`config.yaml` holds what is chosen: a section beside `datasets` is for all data sets, a key below `datasets.NAME` for
one of them, and wins. What it does not name has its default. Where the meaning says *reruns nothing*, the key changes
no result, or its last digits alone: the next job takes the new value, and what is made stays.

{sections}
"""
HEAD = "| key | default | allowed | meaning |\n|---|---|---|---|"
OFFICIAL = {f"train.{key}": value for key, value in PRESETS["official"].items() if key != "losses"}
OFFICIAL |= {f"train.losses.{key}": value for key, value in PRESETS["official"]["losses"].items()}
OFFICIAL |= {f"warp.samples.{key}": value for key, value in SAMPLE_PRESETS["official"].items()}
"""Defaults by dotted key where `train.preset` is official."""
NAMES = {int: "whole number", float: "number", str: "text"}
BOUNDS = {Ge: ("from", "ge"), Gt: ("above", "gt"), Le: ("to", "le"), Lt: ("and below", "lt"), MultipleOf: ("in steps of", "multiple_of")}


def keys(kind: type[Settings], prefix: str) -> Iterator[tuple[str, FieldInfo, bool]]:
    """Dotted name and field of every key of a section, of those inside it, too, and whether results depend on it."""
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from keys(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field, name not in kind.no_effect


def plain(value: Any) -> str:
    """A value as YAML has it."""
    return value if isinstance(value, str) else json.dumps(value)


def default(field: FieldInfo) -> str:
    """The default of a key as YAML has it, "" where there is none."""
    value = field.get_default(call_default_factory=True)
    return "" if value is PydanticUndefined else f"`{plain(value)}`"


def allowed(annotation: Any, bounds: list) -> str:
    """What a key may be, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return allowed(inner[0], [bound for item in inner[1:] for bound in item.metadata])
    if origin is Literal:
        return ", ".join(f"`{plain(value)}`" for value in inner)
    if origin in (Union, types.UnionType):
        return f"{allowed(inner[0], bounds)}; `null`"
    if origin is tuple:
        return f"list of {len(inner)}: {allowed(inner[0], bounds)}"
    if origin is dict:
        return f"mapping of {allowed(inner[0], [])} to {allowed(inner[1], [])}"
    if annotation is bool:
        return "`true`, `false`"
    words = [f"{BOUNDS[type(bound)][0]} {getattr(bound, BOUNDS[type(bound)][1])}" for bound in bounds if type(bound) in BOUNDS]
    return " ".join([NAMES[annotation], *words])


def row(key: str, field: FieldInfo, decisive: bool, section: str = "") -> str:
    """The line of a key in the table of its section."""
    place, meaning = f"{section}.{key}", " ".join(field.description.split())
    value = default(field) + (f"; preset official: `{plain(OFFICIAL[place])}`" if place in OFFICIAL else "")
    owner = next((name for name, own in GENERATORS.items() if section == "model" and key in own), None)
    notes = [meaning, f"Only for `generator: {owner}`." if owner else "", "" if decisive else "*Reruns nothing.*"]
    return f"| `{key}` | {value} | {allowed(field.annotation, field.metadata)} | {' '.join(filter(None, notes))} |"


def section(title: str, kind: type[Settings], name: str = "", without: tuple[str, ...] = ()) -> str:
    """A heading, what the section is, and the table of its keys."""
    lines = [row(*key, section=name) for key in keys(kind, "") if key[0] not in without]
    meaning = textwrap.fill(" ".join(kind.__doc__.split()), 120, break_long_words=False, break_on_hyphens=False)
    return "\n".join([f"## {title}", "", meaning, "", HEAD, *lines])


def page() -> str:
    """The text of docs/configuration.md."""
    shards = row("shards", DatasetConfig.model_fields["shards"], True)
    parts = [section("`folders`", Folders)]
    parts += [f"## `datasets.NAME`\n\nOne data set: its `source`, and any key of the sections below.\n\n{HEAD}\n{shards}"]
    for kind in get_args(get_args(Source)[0]):
        (value,) = get_args(kind.model_fields["kind"].annotation)
        parts.append(section(f"`datasets.NAME.source` with `kind: {value}`", kind, without=("kind",)))
    parts += [section(f"`{name}`", kind, name) for name, kind in SECTIONS.items()]
    return TEXT.format(sections="\n\n".join(parts))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
