"""The end of a run on the terminal: the metrics beside the baselines, and where to look."""

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from densepose_cache.iuv.quality import REFERENCE

from ..evaluation.metrics.names import METHODS, by_method, heading, table
from ..evaluation.metrics_file import read_metrics

WIDTH = 150
"""Columns of the table where no terminal says otherwise."""


def print_summary(metrics_path: Path, console: Console | None = None):
    """Print the metrics of results/{dataset}/metrics.json with the baselines beside them, and the paths of what was made."""
    path = Path(metrics_path)
    metrics = read_metrics(path)
    console = console or Console()
    if not console.is_terminal:
        console.width = max(console.width, WIDTH)
    methods = list(by_method(metrics))
    shown = Table(
        title=f"{path.parent.name}: {metrics['protocol']['clips']} test clips, {metrics['protocol']['frames']} frames", box=box.SIMPLE
    )
    shown.add_column("metric", overflow="fold")
    for method in methods:
        shown.add_column(heading(METHODS[method]), justify="right")
    for row in table(metrics):
        sign = "↑" if row["meaning"].higher_is_better else "↓"
        cells = [row["cells"][method] for method in methods]
        shown.add_row(f"{row['name']} {sign}", *(_cell(cell) for cell in cells))
    console.print(shown)
    if reason := metrics.get("intervals", {}).get("none"):
        console.print(f"no intervals: {reason}", markup=False, highlight=False, soft_wrap=True)
    for name, reason in metrics.get("unavailable", {}).items():
        console.print(f"not measured: {name}: {reason}", style="yellow", markup=False, soft_wrap=True)
    if "iuv" in metrics:
        console.print(maps_line(metrics["iuv"]["test"]), markup=False, highlight=False, soft_wrap=True)
    for label, place in places(path).items():
        console.print(f"{label + ':':<10}{place}", markup=False, highlight=False, soft_wrap=True)


def maps_line(maps: dict) -> str:
    """What made the IUV maps of the test clips, and how far they agree with those that lie beside the videos."""
    line, quality = f"IUV maps: {', '.join(maps['backends'])}", maps["figures"]
    if REFERENCE + "silhouette_iou" not in quality:
        return line
    iou, right = (quality[REFERENCE + name] for name in ("silhouette_iou", "part_accuracy"))
    return f"{line}; against those beside the videos: silhouettes overlap by {iou:.3f}, {right:.1%} of the body has the right part"


def places(metrics_path: Path) -> dict[str, Path]:
    """Where to look, of what exists: the metrics, the page and the videos of the full model."""
    folder = Path(metrics_path).parent
    run = folder / "runs" / "full"
    candidates = {"metrics": metrics_path, "page": folder / "report.html", "videos": run / "videos", "clips": run / "clips.csv"}
    return {label: Path(place) for label, place in candidates.items() if Path(place).exists()}


def _cell(cell: dict | None) -> str:
    if cell is None:
        return "-"
    text = f"[bold green]{cell['text']}[/]" if cell["best"] else cell["text"]
    return f"{text} ±{cell['half']}" if cell["half"] else text
