"""What a metrics.json says of where it comes from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from densepose_cache.config.base import check
from densepose_cache.core.errors import InputError

from ..evaluation.metrics_file import read_metrics
from ..evaluation.provenance import Origin, configuration_fingerprint

NEEDED = ("configuration", "clips", "indexes", "weights")


@dataclass(frozen=True)
class Record:
    """What a result was made from, as `provenance.provenance` and the evaluation wrote it."""

    origin: Origin
    fingerprint: str
    """Of the data set's merged settings."""
    clips: dict[str, Any]
    """Path, digest and numbers of clips of the clip table."""
    indexes: dict[str, str]
    """Digest by split."""
    weights: dict[str, str]
    """SHA-256 of the files that IUV maps and training read, by key."""
    extractors: dict[str, dict[str, str]]
    """Facts about the evaluation's networks, by name."""
    versions: dict[str, str]
    trained_with: dict[str, str]
    """Versions of the packages with which the model was trained, as far as they are known."""
    revision: str | None
    """Git revision, with "-dirty" where tracked files differed; None where there was none."""

    @property
    def commit(self) -> str | None:
        """The git revision without its mark."""
        return self.revision and self.revision.removesuffix("-dirty")

    @property
    def data(self) -> Path:
        """The data set's folder of rendered or downloaded videos."""
        return Path(self.origin.folders.data) / self.origin.dataset

    def configuration(self) -> str:
        """YAML text of a configuration that holds this data set alone, every key of it given."""
        settings = {"folders": self.origin.folders.model_dump(), "datasets": {self.origin.dataset: self.origin.settings}}
        return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def read_record(path: Path) -> Record:
    """The record of a metrics.json. Raises InputError if it is missing, something else, or does not say where it comes from."""
    metrics = read_metrics(path)
    found = metrics.get("provenance")
    if not found:
        raise InputError(f"{path}: does not say where it comes from; only results that the workflow made do: snakemake --cores all {path}")
    try:
        lost = [key for key in NEEDED if key not in found]
        if lost:
            raise ValueError(f"lacks {', '.join(lost)}")
        configuration = found["configuration"]
        origin = check(Origin, {key: found[key] for key in ("dataset", "target")} | {k: configuration[k] for k in ("folders", "settings")})
        if configuration["fingerprint"] != configuration_fingerprint(origin.settings):
            raise ValueError("the fingerprint is not that of the settings: the file was changed by hand")
        return Record(
            origin,
            configuration["fingerprint"],
            *(found[key] for key in NEEDED[1:]),
            metrics["extractors"],
            metrics["versions"],
            metrics["model"].get("versions", {}),
            metrics["revision"],
        )
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise InputError(f"{path}: its provenance cannot be read ({' '.join(str(error).split())})") from None
