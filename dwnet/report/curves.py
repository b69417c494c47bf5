"""Training curves as inline SVG."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from .svg import svg_figure, svg_text

INDEX = ("step", "epoch", "seconds")
"""Columns of the training log that are no curves; the first is the horizontal axis."""
RATE = "learning_rate"
"""Shown last, and never on a logarithmic axis."""
COLUMNS = 3
SMOOTH = 0.05
"""Width of the running mean as a share of the curve."""


def training_curves(log: Path) -> str | None:
    """An SVG element with one small plot for every column of the training log; None if there is no log or no row in it.

    Faint line: the logged values; strong line: their running mean.
    """
    log = Path(log)
    if not log.is_file() or log.stat().st_size == 0:
        return None
    rows = pd.read_csv(log)
    names = [name for name in rows.columns if name not in INDEX and pd.api.types.is_numeric_dtype(rows[name]) and rows[name].notna().any()]
    if rows.empty or not names:
        return None
    names.sort(key=lambda name: name == RATE)
    steps = rows["step"] if "step" in rows else pd.Series(range(len(rows)))
    lines = math.ceil(len(names) / COLUMNS)
    with svg_figure(11, 2.3 * lines + 0.2) as figure:
        grid = figure.subplots(lines, COLUMNS, squeeze=False).ravel()
        for axes, name in zip(grid, names, strict=False):
            _draw(axes, name, steps, rows[name])
        for axes in grid[len(names) :]:
            axes.set_axis_off()
        return svg_text(figure)


def _draw(axes, name: str, steps: pd.Series, values: pd.Series):
    window = max(1, round(SMOOTH * len(values)))
    axes.plot(steps, values, color="#9db4d6", linewidth=0.7)
    axes.plot(steps, values.rolling(window, min_periods=1, center=True).mean(), color="#2456a6", linewidth=1.5)
    positive = values[values > 0]
    if name != RATE and len(positive) == len(values) and np.log10(positive.max() / positive.min()) > 2:
        axes.set_yscale("log")
    axes.set_title(name, fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e9ef", linewidth=0.6)
    axes.tick_params(labelsize=8)
