"""Figures as SVG text: letters stay letters, and the same numbers give the same bytes."""

import contextlib
import io
from collections.abc import Iterator

import matplotlib
from matplotlib.figure import Figure


@contextlib.contextmanager
def svg_figure(width: float, height: float) -> Iterator[Figure]:
    """Context manager of an empty figure of that size in inches; draw and take its text inside."""
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "dwnet", "font.family": "sans-serif", "font.size": 9}):
        yield Figure(figsize=(width, height), layout="constrained")


def svg_text(figure: Figure, transparent: bool = True) -> str:
    """The figure's SVG element."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=transparent)
    whole = text.getvalue()
    return whole[whole.index("<svg") :]
