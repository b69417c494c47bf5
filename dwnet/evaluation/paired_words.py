"""What the differences of two runs say, in words."""

import pandas as pd

from .bootstrap import FEWEST


def sentences(differences: pd.DataFrame, clips: int) -> list[str]:
    """Lines on what is decided between two runs over so many `clips`, of a table with columns metric and verdict.

    They say which metrics the second run does better or worse on, and which leave it open.
    """
    if clips < FEWEST:
        return [f"Nothing is decided: {clips} clips are too few for intervals; at least {FEWEST} are needed."]
    said = {verdict: list(rows["metric"]) for verdict, rows in differences.groupby("verdict")}
    lines = [f"Decided: the second is {verdict} on {', '.join(said[verdict])}." for verdict in ("better", "worse") if verdict in said]
    if not lines:
        lines = ["Nothing is decided: every interval holds zero."]
    elif "undecided" in said:
        lines.append(f"Undecided, since the interval holds zero: {', '.join(said['undecided'])}.")
    if len(differences) > 1:
        lines.append(f"Each of the {len(differences)} metrics is tested by itself: read the one first that you chose beforehand.")
    return lines
