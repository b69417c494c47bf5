"""The HTML page of the ablations: order, values, plot and pictures in one file that loads nothing."""

import base64

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..evaluation.bootstrap import FEWEST
from ..evaluation.metrics.names import MEANINGS
from .plot import TITLES
from .words import beside_full, order_words


def build_page(
    title: str, values: pd.DataFrame, differences: pd.DataFrame, order: pd.DataFrame, plot: str, frames: bytes, confidence: float
) -> str:
    """HTML text of the three tables, the SVG `plot` and the PNG `frames`."""
    methods = list(dict.fromkeys(values["method"]))
    clips = int(values["clips"].max())
    environment = Environment(loader=PackageLoader("dwnet", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("ablation.html").render(
        title=title,
        clips=clips,
        few=clips < FEWEST,
        fewest=FEWEST,
        confidence=f"{confidence:.0%}",
        order=[order_row(row, differences) for row in order.itertuples(index=False)],
        methods=[TITLES[method] for method in methods],
        values=[value_row(metric, rows, methods) for metric, rows in values.groupby("metric", sort=False)],
        plot=plot,
        frames=base64.b64encode(frames).decode(),
    )


def order_row(row, differences: pd.DataFrame) -> dict[str, str | list[str]]:
    """A line of the first table: what order_table says of a metric, in words."""
    groups = {"ranked": row.order.split(), **beside_full(differences, row.metric)}
    return {
        "metric": row.metric,
        "title": _title(row.metric),
        "holds": order_words(row),
        **{group: [TITLES[name] for name in names] for group, names in groups.items()},
    }


def value_row(metric: str, rows: pd.DataFrame, methods: list[str]) -> dict:
    """A line of the second table: a cell a method, None where it has no value."""
    digits = MEANINGS[metric].digits
    best = rows["value"].max() if MEANINGS[metric].higher_is_better else rows["value"].min()
    cells = {
        row.method: {
            "value": f"{row.value:.{digits}f}",
            "bounds": "" if pd.isna(row.lower) else f"{row.lower:.{digits}f} to {row.upper:.{digits}f}",
            "best": row.value == best,
        }
        for row in rows.itertuples(index=False)
    }
    return {"metric": metric, "title": _title(metric), "cells": [cells.get(method) for method in methods]}


def _title(metric: str) -> str:
    return f"{MEANINGS[metric].title} {'↑' if MEANINGS[metric].higher_is_better else '↓'}"
