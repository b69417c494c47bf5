"""The verb `dwnet report`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from densepose_cache.settings import read_settings

from ..config import ReportSettings
from .page import build_page


def command(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")],
    run: Annotated[Path, typer.Option(help="Folder of the run, with metrics.json, videos/ and train_log.csv.")],
    out: Annotated[Path, typer.Option(help="HTML page to write; it needs no other file.")],
    settings: Annotated[str | None, typer.Option(help="Section `report` of the configuration: JSON text, or a file.")] = None,
    metrics: Annotated[Path | None, typer.Option(help="Also copy the run's metrics.json to this path.")] = None,
):
    """Write the HTML page of a run: metrics beside the baselines, videos, training curves, clips, failures, configuration."""
    page = build_page(dataset, run, read_settings(ReportSettings, settings))
    write_whole(out, page)
    if metrics is not None:
        write_whole(metrics, (run / "metrics.json").read_text(encoding="utf-8"))
    typer.echo(f"{out}")


def write_whole(path: Path, text: str):
    """Write a text file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
