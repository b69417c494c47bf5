"""The subcommand `dwnet compare`."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from densepose_cache.config.base import read_settings
from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import write_text_whole

from ..config import IntervalSettings
from ..evaluation.metrics.names import MEANINGS
from ..evaluation.paired import Results, difference_table
from ..evaluation.paired_words import sentences
from ..evaluation.runs import Run, check_alike, load_run

FIRST, SECOND = "first", "second"


def command(
    first: Annotated[Path, typer.Argument(help="A measured run: its folder, or its metrics.json.")],
    second: Annotated[Path, typer.Argument(help="Another one, measured on the same clips by the same networks.")],
    out: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="CSV to write: metric, method, reference, difference, lower, upper, clips, verdict."),
    ] = None,
    settings: Annotated[
        str | None, typer.Option(help="Keys resamples, confidence and seed of the intervals: JSON text, or a file.")
    ] = None,
):
    """Say what is decided between two runs over the same clips: paired differences with intervals, for every metric.

    Example: dwnet compare results/fashion/runs/full results/fashion/runs/no_prev
    """
    chosen = read_settings(IntervalSettings, settings)
    runs = {FIRST: load_run(metrics_of(first)), SECOND: load_run(metrics_of(second))}
    check_alike(runs[FIRST], runs[SECOND])
    results = Results(runs, chosen)
    differences = difference_table(results, [(SECOND, FIRST)])
    if out:
        write_text_whole(out, differences.to_csv(index=False, float_format="%.6g"))
    show(results, differences, runs, chosen)


def metrics_of(path: Path) -> Path:
    """The metrics.json that `path` means: itself, in that folder, or of the full model in that folder of a data set. Raises InputError."""
    for found in (path, path / "runs" / "full" / "metrics.json", path / "metrics.json"):
        if found.is_file():
            return found
    raise InputError(f"{path}: no measured run; give a folder that holds a metrics.json, or the file itself")


def show(results: Results, differences: pd.DataFrame, runs: dict[str, Run], settings: IntervalSettings):
    """Print both runs' values, their difference with its interval, and in words what is decided."""
    console = Console()
    clips = len(runs[FIRST].metrics["clips"])
    for name, run in runs.items():
        console.print(f"{name}: {run.folder}", markup=False, highlight=False, soft_wrap=True)
    table = Table(box=box.SIMPLE, title=f"{clips} clips; second minus first, with its {settings.confidence:.0%} interval over clips")
    for heading in ("metric", FIRST, SECOND, "difference", "interval", "second is"):
        table.add_column(heading, justify="left" if heading in ("metric", "second is") else "right", no_wrap=heading == "metric")
    for row in differences.itertuples(index=False):
        meaning = MEANINGS[row.metric]
        values = [f"{results.total(row.metric, name)['value']:.{meaning.digits}f}" for name in (FIRST, SECOND)]
        bounds = "-" if pd.isna(row.lower) else f"{row.lower:+.{meaning.digits}f} to {row.upper:+.{meaning.digits}f}"
        sign = "↑" if meaning.higher_is_better else "↓"
        table.add_row(f"{row.metric} {sign}", *values, f"{row.difference:+.{meaning.digits}f}", bounds, row.verdict)
    console.print(table)
    for line in sentences(differences, clips):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
