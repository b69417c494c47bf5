"""Typed settings: one base class that refuses unknown keys, and one reader for JSON text, JSON files and YAML files."""

import json
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_serializer

from ..core.errors import InputError

S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """Base of every section of the configuration: frozen, unknown keys refused, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)
    no_effect: ClassVar[frozenset[str]] = frozenset()
    """Keys that change no result, only how fast or where it is made: no digest knows them, and a change of them reruns nothing."""
    added: ClassVar[frozenset[str]] = frozenset()
    """Keys that came later: they are written out only where they differ from their default, so that older digests stay what they are."""

    @model_serializer(mode="wrap")
    def _without_defaults_of_added(self, handler):
        values = handler(self)
        return {key: value for key, value in values.items() if key not in self.added or getattr(self, key) != self._default(key)}

    @classmethod
    def _default(cls, key: str):
        return cls.model_fields[key].get_default(call_default_factory=True)

    def decisive(self, *others: str) -> dict:
        """The keys on which results depend, as plain values; without `others`, too."""
        return self.model_dump(mode="json", exclude={*self.no_effect, *others})


def check(kind: type[S], value) -> S:
    """Settings of class `kind` from plain values (mappings, lists, numbers, text). Raises pydantic's ValidationError."""
    return kind.model_validate_json(json.dumps(value, default=str))


def explain(error: ValidationError, where: str) -> str:
    """One line per wrong key: its dotted name, what is wrong, the allowed values."""
    lines = []
    for item in error.errors():
        key = ".".join(str(part) for part in (where, *item["loc"]) if part != "")
        if item["type"] == "extra_forbidden":
            lines.append(f"{key}: unknown key")
        else:
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"{key}: {message[0].lower()}{message[1:]} (given: {item['input']!r}{_hint(item)})")
    return "\n".join(lines)


def _hint(item: dict) -> str:
    """What to write in place of a number that YAML takes for text, such as 2e-4."""
    if item["type"] == "float_type" and isinstance(item["input"], str):
        try:
            return f", text to YAML: write {float(item['input']):.1e}"
        except ValueError:
            pass
    return ""


def read_yaml(path: Path) -> Any:
    """The value that a JSON or YAML file holds. Raises InputError, which names the file and the line, if it is none."""
    try:
        return yaml.safe_load(path.read_text())
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = f"line {mark.line + 1}: {error.problem}" if mark else " ".join(str(error).split())
        raise InputError(f"{path}: is not valid YAML or JSON ({reason}); mend it or give another file") from None


def read_settings(kind: type[S], text: str | None) -> S:
    """Settings of class `kind` from JSON text, or from the path of a JSON or YAML file; None gives the defaults.

    Raises InputError with one line per wrong key.
    """
    where = kind.__name__.removesuffix("Settings").lower()
    if text is None:
        value = {}
    elif text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{where} settings are not valid JSON: {error}") from None
    else:
        path = Path(text)
        if not path.is_file():
            raise InputError(f"{path}: no such settings file; give JSON text or the path of a JSON or YAML file")
        value = read_yaml(path) or {}
    try:
        return check(kind, value)
    except ValidationError as error:
        raise InputError(explain(error, where)) from None
