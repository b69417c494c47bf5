"""The subcommand `dwnet evaluate`."""

from pathlib import Path
from typing import Annotated

import typer

from densepose_cache.config.base import read_settings

from ..config import EvaluateSettings
from ..evaluation.evaluate import evaluate
from ..evaluation.provenance import Origin


def command(
    rollout: Annotated[Path, typer.Option(help="Generated frames, written by `dwnet rollout`.")],
    data: Annotated[Path, typer.Option(help="Test split of the cache, cache/{dataset}/test.h5.")],
    model: Annotated[str, typer.Option(help="The model that generated the frames.")],
    out: Annotated[Path, typer.Option(help="metrics.json to write; clips.csv and features.h5 go beside it.")],
    settings: Annotated[str | None, typer.Option(help="Section `evaluate` of the configuration: JSON text, or a file.")] = None,
    weights: Annotated[Path, typer.Option(help="Folder of published weight files.")] = Path("weights"),
    origin: Annotated[
        str | None, typer.Option(help="Data set and merged configuration as the workflow gives them, for `provenance`.")
    ] = None,
):
    """Measure generated frames against the real ones, and the baselines with them."""
    known = read_settings(Origin, origin) if origin else None
    summary = evaluate(rollout, data, model, read_settings(EvaluateSettings, settings), weights, out, known)
    for name, reason in summary["unavailable"].items():
        typer.echo(f"not measured: {name}: {reason}", err=True)
    typer.echo(f"{len(summary['metrics'])} metrics of {summary['protocol']['clips']} clips: {out}")
