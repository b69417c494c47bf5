"""The HTML page of a data set: one file with everything in it, no script, nothing loaded from elsewhere."""

import base64
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from ..config import ReportSettings
from ..evaluation.metrics.names import MEANINGS, METHODS, better, by_method, table
from .curves import training_curves
from .maps import maps_section
from .summary import read_metrics

PANELS = ("source", "driving", "coarse warp", "generated", "real")
BESIDE = ("coarse_warp", "filled_warp")
"""Baselines that the model must beat on every single clip."""


@dataclass(frozen=True)
class Video:
    """A clip in the page."""

    name: str
    data: str
    """Base64 of the MP4."""


def build_page(dataset: str, run: Path, settings: ReportSettings, quality: Path | None = None, quarantine: Path | None = None) -> str:
    """HTML text of the run in folder `run`: metrics.json, and where they exist train_log.csv and videos/*.mp4.

    `quality` and `quarantine` are the cache's iuv_quality.csv and quarantine.csv; without the first the page has no section about the maps.
    Raises InputError if metrics.json or one of these tables is missing or something else.
    """
    run = Path(run)
    metrics = read_metrics(run / "metrics.json")
    videos, left_out = choose_videos(run / "videos", list(metrics["clips"]), settings.videos)
    environment = Environment(loader=PackageLoader("dwnet", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("report.html").render(
        title=settings.title or dataset,
        dataset=dataset,
        metrics={"unavailable": {}, "exact_keypoints": None, "intervals": None} | metrics,
        methods={name: METHODS[name] for name in by_method(metrics)},
        beside=[METHODS[name] for name in BESIDE],
        rows=table(metrics),
        clips=clip_rows(metrics),
        clip_columns=clip_columns(metrics),
        meanings=MEANINGS,
        losses=lost_clips(metrics),
        curves=training_curves(run / "train_log.csv"),
        videos=videos,
        left_out=left_out,
        maps=maps_section(quality, quarantine) if quality else None,
        panels=PANELS,
        facts=facts(metrics),
    )


def choose_videos(folder: Path, clips: list[str], limit: int) -> tuple[list[Video], int]:
    """The first `limit` videos of `folder`, measured clips before transfer pairs, and the number of videos left out."""
    present = sorted(folder.glob("*.mp4")) if folder.is_dir() else []
    order = {name: number for number, name in enumerate(clips)}
    present.sort(key=lambda path: (order.get(path.stem, len(order)), path.stem))
    chosen = [Video(path.stem, base64.b64encode(path.read_bytes()).decode()) for path in present[:limit]]
    return chosen, len(present) - len(chosen)


def clip_columns(metrics: dict) -> list[str]:
    """Metrics that single clips have, in reading order."""
    present = {name for clip in metrics["clips"].values() for name in clip["metrics"]}
    return [name for name in MEANINGS if name in present]


def clip_rows(metrics: dict) -> list[dict]:
    """One row a clip: its name, and for every metric the model's value, those of BESIDE, and whether the model's is better than these."""
    rows = []
    for clip, values in metrics["clips"].items():
        cells = {}
        for name in clip_columns(metrics):
            model = values["metrics"].get(name)
            beside = [values["baselines"].get(other, {}).get(name) for other in BESIDE]
            others = [other["value"] for other in beside if other]
            cells[name] = {
                "model": _shown(model, name),
                "beside": [_shown(other, name) for other in beside],
                "compared": bool(others),
                "wins": bool(model and others and all(better(name, model["value"], other) for other in others)),
            }
        rows.append({"clip": clip, "cells": cells})
    return rows


def _shown(found: dict | None, name: str) -> str:
    return f"{found['value']:.{MEANINGS[name].digits}f}" if found else "-"


def lost_clips(metrics: dict) -> list[dict]:
    """For every metric on which the model is not better than all of BESIDE in some clip: its title and these clips."""
    rows = clip_rows(metrics)
    losses = []
    for name in clip_columns(metrics):
        clips = [row["clip"] for row in rows if row["cells"][name]["compared"] and not row["cells"][name]["wins"]]
        if clips:
            losses.append({"name": name, "title": MEANINGS[name].title, "clips": clips, "of": len(rows)})
    return losses


def facts(metrics: dict) -> dict[str, dict[str, str]]:
    """Tables of plain facts at the page's end: protocol, provenance, configuration, extractors, model, settings, versions."""
    made_from = metrics.get("provenance", {})
    configuration = made_from.get("configuration", {})
    fingerprint = {"configuration": configuration["fingerprint"]} if configuration else {}
    sections = {
        "Protocol": metrics["protocol"],
        "Provenance": {key: value for key, value in made_from.items() if key != "configuration"} | fingerprint,
        "Configuration": configuration.get("settings", {}),
        "Feature extractors and detectors": metrics["extractors"],
        "Model": metrics["model"],
        "Evaluation settings": metrics["settings"],
        "Versions": metrics["versions"] | ({"git revision": metrics["revision"]} if metrics.get("revision") else {}),
    }
    return {title: dict(_flat(values)) for title, values in sections.items() if values}


def _flat(values: dict, prefix: str = ""):
    for key, value in values.items():
        if isinstance(value, list) and any(isinstance(item, dict) for item in value):
            value = dict(enumerate(value, 1))
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", "none" if value is None else str(value)
