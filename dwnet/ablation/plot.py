"""The plot of the ablations: a row for every metric, values on the left, differences from the full model on the right."""

import numpy as np
import pandas as pd

from ..config import VARIANTS
from ..evaluation.metrics.names import MEANINGS, METHODS, VARIANT_TITLES
from ..report.svg import svg_figure, svg_text
from .tables import FULL

SHOWN = (*VARIANTS, "coarse_warp", "filled_warp")
"""Methods on the left, from the top. The other baselines are in the table alone, and on the right there is none: their values would squeeze
those of the variants together."""
TITLES = VARIANT_TITLES | METHODS
MODEL, BASELINE, FAINT = "#2456a6", "#8a93a3", "#b9c0cc"


def plot(values: pd.DataFrame, differences: pd.DataFrame) -> str:
    """SVG of the tables `value_table` and `difference_table`; bars are the intervals, where there are any."""
    metrics = list(dict.fromkeys(values["metric"]))
    with svg_figure(10, 1.75 * len(metrics) + 0.3) as figure:
        grid = figure.subplots(len(metrics), 2, squeeze=False)
        for (left, right), metric in zip(grid, metrics, strict=True):
            meaning = MEANINGS[metric]
            arrow = "↑" if meaning.higher_is_better else "↓"
            rows = values[values["metric"] == metric].set_index("method")
            _draw(left, rows, "value", SHOWN)
            left.set_title(f"{meaning.title} {arrow}" + (f" ({meaning.unit})" if meaning.unit else ""), fontsize=9, loc="left")
            rows = differences[(differences["metric"] == metric) & (differences["reference"] == FULL)].set_index("method")
            _draw(right, rows, "difference", tuple(VARIANTS)[1:])
            right.axvline(0, color=FAINT, linewidth=1)
            right.set_title(f"difference from full ({'below' if meaning.higher_is_better else 'above'} 0: worse)", fontsize=9, loc="left")
        return svg_text(figure, transparent=False)


def _draw(axes, rows: pd.DataFrame, column: str, methods: tuple[str, ...]):
    """Points with bars, one line a method, the first one on top."""
    for height, method in enumerate(method for method in methods if method in rows.index):
        row = rows.loc[method]
        bounds = np.array([[row[column] - row["lower"]], [row["upper"] - row[column]]], float)
        colour = MODEL if method in VARIANTS else BASELINE
        axes.errorbar(row[column], height, xerr=bounds.clip(0), fmt="o", color=colour, markersize=4, capsize=3, linewidth=1.2)
    shown = [method for method in methods if method in rows.index]
    axes.set_yticks(range(len(shown)), [TITLES[method] for method in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="x", color="#e6e9ef", linewidth=0.6)
    axes.tick_params(labelsize=8)
