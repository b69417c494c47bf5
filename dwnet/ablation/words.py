"""What the tables say, in words, for the terminal and the page."""

import pandas as pd

from ..evaluation.bootstrap import FEWEST
from .tables import FULL


def order_lines(differences: pd.DataFrame, order: pd.DataFrame, clips: int) -> list[str]:
    """A line a metric: who is better or worse than the full model, as far as the intervals tell; does the order of Figure 5 hold?"""
    lines = [f"only {clips} test clips: no intervals (at least {FEWEST} are needed), so nothing below is decided"] if clips < FEWEST else []
    for row in order.itertuples(index=False):
        groups = beside_full(differences, row.metric)
        said = "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in groups.items() if names)
        lines.append(
            f"{row.metric}: beside full {said}. Best first: {row.order.replace(' ', ', ')}. Order of Figure 5: {order_words(row)}."
        )
    return lines


def beside_full(differences: pd.DataFrame, metric: str) -> dict[str, list[str]]:
    """{"worse", "undecided", "better"}: methods that do so beside the full model on `metric`."""
    said = differences[(differences["reference"] == FULL) & (differences["metric"] == metric)]
    return {verdict: list(said.loc[said["verdict"] == verdict, "method"]) for verdict in ("worse", "undecided", "better")}


def order_words(row) -> str:
    """Whether the order of Figure 5 holds, of a row of order_table."""
    if not row.order_holds:
        return "does not hold"
    return "holds, decided" if row.order_decided else "holds, undecided"
