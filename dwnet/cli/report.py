"""The subcommand `dwnet report`."""

from pathlib import Path
from typing import Annotated

import typer

from densepose_cache.config.base import read_settings
from densepose_cache.storage.atomic import only_writer, write_text_whole

from ..config import ReportSettings
from ..evaluation.metrics_file import metrics_text, read_metrics
from ..report.maps import maps_summary
from ..report.page import build_page


def command(
    dataset: Annotated[str, typer.Option(help="Name of the data set.")],
    run: Annotated[Path, typer.Option(help="Folder of the run, with metrics.json, videos/ and train_log.csv.")],
    out: Annotated[Path, typer.Option(help="HTML page to write; it needs no other file.")],
    settings: Annotated[str | None, typer.Option(help="Section `report` of the configuration: JSON text, or a file.")] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="Also copy the run's metrics.json to this path, with quality metrics of the maps.")
    ] = None,
    quality: Annotated[Path | None, typer.Option(help="The cache's iuv_quality.csv: page and metrics then tell of the IUV maps.")] = None,
    quarantine: Annotated[Path | None, typer.Option(help="The cache's quarantine.csv: that section lists the clips left out.")] = None,
):
    """Write the HTML page of a run: metrics beside the baselines, videos, training curves, clips, IUV maps, failures, configuration."""
    with only_writer(out):
        write_text_whole(out, build_page(dataset, run, read_settings(ReportSettings, settings), quality, quarantine))
    if metrics is not None:
        maps = {"iuv": maps_summary(quality)} if quality else {}
        write_text_whole(metrics, metrics_text(moved(read_metrics(run / "metrics.json"), metrics) | maps))
    typer.echo(f"{out}")


def moved(metrics: dict, path: Path) -> dict:
    """A copy of a run's metrics that is to stand at `path`: that is the target by which the workflow makes it."""
    return metrics | ({"provenance": metrics["provenance"] | {"target": str(path)}} if "provenance" in metrics else {})
