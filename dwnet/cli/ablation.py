"""The subcommand `dwnet ablation`."""

import io
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from PIL import Image
from rich import box
from rich.console import Console
from rich.table import Table

from densepose_cache.cache.reader import SplitReader
from densepose_cache.config.base import read_settings
from densepose_cache.storage.atomic import write_text_whole, written_whole

from ..ablation.page import build_page
from ..ablation.pictures import picture_grid
from ..ablation.plot import TITLES, plot
from ..ablation.runs import load_runs
from ..ablation.tables import PAIRS, order_table
from ..ablation.words import order_lines
from ..config import AblationSettings
from ..evaluation.metrics.names import MEANINGS, heading
from ..evaluation.paired import Results, difference_table, value_table
from ..evaluation.runs import check_data

WIDTH = 190
"""Columns of the table where no terminal says otherwise."""


def command(
    runs: Annotated[Path, typer.Option(help="Folder with the run of every variant, results/{dataset}/runs.")],
    data: Annotated[Path, typer.Option(help="Test split of the cache, cache/{dataset}/test.h5.")],
    out: Annotated[
        Path,
        typer.Option(
            help="ablation.csv to write: metric, method, value, lower, upper, clips, frames. Beside it go ablation_differences.csv, "
            "ablation_order.csv, ablation.svg, ablation_frames.png and the page ablation.html, which shows it all."
        ),
    ],
    settings: Annotated[str | None, typer.Option(help="Section `ablation` of the configuration: JSON text, or a file.")] = None,
):
    """Compare the full model with the ablations of the paper's Figure 5: a table with intervals, a plot, a grid of pictures.

    Needs the measured runs full, no_prev, no_prev_no_refine and no_prev_no_refine_no_warp (`dwnet train`, `rollout`, `evaluate` with the
    model's switches set; Snakemake does it all: `snakemake --cores all results/{dataset}/ablation.csv`).
    """
    chosen = read_settings(AblationSettings, settings)
    found = load_runs(runs)
    with SplitReader(data) as reader:
        check_data(found["full"], reader)
        grid = picture_grid(found, reader, chosen.clips)
    results = Results(found, chosen)
    values, differences = value_table(results), difference_table(results, PAIRS)
    order = order_table(values, differences)
    drawing = plot(values, differences)
    frames = io.BytesIO()
    Image.fromarray(grid).save(frames, format="PNG", optimize=True)
    with written_whole(_beside(out, "_frames.png")) as temporary:
        temporary.write_bytes(frames.getvalue())
    write_text_whole(_beside(out, ".svg"), drawing)
    page = build_page(out.absolute().parent.name, values, differences, order, drawing, frames.getvalue(), chosen.confidence)
    write_text_whole(_beside(out, ".html"), page)
    for path, table in ((_beside(out, "_differences.csv"), differences), (_beside(out, "_order.csv"), order), (out, values)):
        write_text_whole(path, table.to_csv(index=False, float_format="%.6g"))
    show(values, differences, order, chosen.confidence)
    typer.echo(f"{out}")


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(out.stem + ending)


def show(values: pd.DataFrame, differences: pd.DataFrame, order: pd.DataFrame, confidence: float):
    """Print the values, and for each metric whether the order of Figure 5 holds."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, WIDTH)
    methods = list(dict.fromkeys(values["method"]))
    table = Table(box=box.SIMPLE, title=f"values, with half the width of their {confidence:.0%} intervals over clips")
    table.add_column("metric", no_wrap=True)
    for method in methods:
        table.add_column(heading(TITLES[method]), justify="right")
    for metric, rows in values.groupby("metric", sort=False):
        meaning = MEANINGS[metric]
        cells = {row.method: _cell(row, meaning.digits) for row in rows.itertuples(index=False)}
        table.add_row(f"{metric} {'↑' if meaning.higher_is_better else '↓'}", *(cells.get(method, "-") for method in methods))
    console.print(table)
    for line in order_lines(differences, order, int(values["clips"].max())):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _cell(row, digits: int) -> str:
    interval = "" if pd.isna(row.lower) else f" ± {(row.upper - row.lower) / 2:.{digits}f}"
    return f"{row.value:.{digits}f}{interval}"
