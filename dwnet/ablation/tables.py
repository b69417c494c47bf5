"""Which differences the ablations' table has, and whether the order of Figure 5 holds. docs/metrics.md says how to read them."""

from collections.abc import Iterator

import pandas as pd

from ..config import VARIANTS
from ..evaluation.metrics.names import MEANINGS, better
from ..inference.trivial import BASELINES

FULL = "full"
METHODS = (*VARIANTS, *BASELINES)
PAIRS = tuple((method, FULL) for method in METHODS[1:]) + tuple(zip(list(VARIANTS)[2:], list(VARIANTS)[1:], strict=False))
"""Differences in the table, method minus reference: everything minus the full model, and each variant minus the one with a part more."""
ORDER = ("metric", "order", "full_is_best", "full_is_best_decided", "order_holds", "order_decided")


def order_table(values: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """One row a metric that all variants have (columns ORDER): does the order of Figure 5 hold, and is it decided?

    `order` names the variants, best first. The order of Figure 5 is full, then each variant no better than the one before; `_decided` means
    that the intervals of the differences say so.
    """
    rows = []
    for metric, found in _by_metric(values):
        numbers = {method: number for method, number in zip(found["method"], found["value"], strict=True) if method in VARIANTS}
        if len(numbers) < len(VARIANTS):
            continue
        verdicts = {
            (row.method, row.reference): row.verdict for row in differences[differences["metric"] == metric].itertuples(index=False)
        }
        named = list(VARIANTS)
        steps = list(zip(named[1:], named, strict=False))
        ranked = sorted(numbers, key=lambda name: numbers[name], reverse=MEANINGS[metric].higher_is_better)
        best = all(better(metric, numbers[FULL], numbers[name]) for name in named[1:])
        holds = best and not any(better(metric, numbers[worse], numbers[reference]) for worse, reference in steps)
        best_decided = all(verdicts.get((name, FULL)) == "worse" for name in named[1:])
        decided = all(verdicts.get(step) == "worse" for step in steps)
        rows.append((metric, " ".join(ranked), best, best_decided, holds, decided))
    return pd.DataFrame(rows, columns=ORDER)


def _by_metric(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows of each metric, in the table's order."""
    return iter(table.groupby("metric", sort=False))
