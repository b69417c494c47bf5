"""Compare configuration, package versions and git revision of a result with those of now."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from densepose_cache.config.base import Settings
from densepose_cache.core.errors import InputError
from densepose_cache.core.versions import installed_versions
from densepose_cache.densepose.choice import choose_backend

from ..config import NO_RESULT, load_config
from ..evaluation.provenance import git_revision, versions
from .finding import SHORT, Finding, short
from .record import Record

NOTHING = "not there"


def check_configuration(record: Record, path: Path) -> Iterator[Finding]:
    """Every key of the data set's merged settings that is another one in the configuration `path`, but for those that change no result."""
    name = "configuration"
    try:
        config = load_config(path)
        data = config.datasets.get(record.origin.dataset)
        cache = Path(config.folders.cache) / record.origin.dataset
        chosen = choose_backend(data.densepose, Path(config.folders.weights), cache) if data else None
    except InputError as error:
        yield Finding(name, "differs", " ".join(str(error).split()))
        return
    if data is None:
        yield Finding(name, "differs", f"{path} holds no data set {record.origin.dataset}")
        return
    data = data.model_copy(update={"densepose": chosen})
    then, now = flat(record.origin.settings), flat(data.model_dump(mode="json", exclude=NO_RESULT))
    free = {f"{section}.{key}" for section, settings in data if isinstance(settings, Settings) for key in settings.no_effect}
    changed = [key for key in then | now if key not in free and then.get(key, NOTHING) != now.get(key, NOTHING)]
    for key in changed:
        yield Finding(name, "differs", f"{key}: {_shown(then.get(key, NOTHING))} then, {_shown(now.get(key, NOTHING))} now")
    if not changed:
        yield Finding(name, "same", short(record.fingerprint))


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values of nested settings by their dotted keys."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def check_versions(record: Record) -> Iterator[Finding]:
    """Every package that is installed in another version than when the result was measured, or its model was trained."""
    measured = differing(record.versions, versions())
    trained = differing(record.trained_with, installed_versions(record.trained_with)) if record.trained_with else {}
    only_trained = {name: pair for name, pair in trained.items() if measured.get(name) != pair}
    for when, found in (("then", measured), ("in training", only_trained)):
        for name, (then, now) in found.items():
            yield Finding("versions", "differs", f"{name} {then} {when}, {now} now")
    if not measured and not trained:
        yield Finding("versions", "same", f"Python {record.versions['python']} and {len(record.versions) - 1} packages")


def differing(then: dict[str, str], now: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Versions then and now of the packages that differ; "not installed" where there is none."""
    names = [name for name in then | now if then.get(name) != now.get(name)]
    return {name: (then.get(name, "not installed"), now.get(name, "not installed")) for name in names}


def check_revision(record: Record) -> Finding:
    """The git revision of this package's checkout; one with uncommitted changes is never the same."""
    name, now = "git revision", git_revision()
    if record.revision is None:
        text = "not known, since the package did not run from a git checkout; its version is among the versions"
        return Finding(name, "same" if now is None else "differs", text)
    if now == record.revision == record.commit:
        return Finding(name, "same", now)
    return Finding(name, "differs", f"{_worded(record.revision)} then, {_worded(now)} now")


def _worded(revision: str | None) -> str:
    if revision is None:
        return "no git checkout"
    commit = revision.removesuffix("-dirty")
    return commit[:SHORT] + (" with uncommitted changes" if commit != revision else "")
