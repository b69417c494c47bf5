"""The table `batch.csv` in the folder of results: what is there, and what it was made from."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from densepose_cache.storage.atomic import write_text_whole

TABLE = "batch.csv"
MADE, KEPT, FAILED = "made", "there already", "failed"


@dataclass(frozen=True)
class Result:
    """What became of a pair: the `frames` of its video and the `seconds` it took; `reason` says why it `failed`.

    `made_from` is the digest of all that the file was made from, `sha256` its own; a failed one has neither.
    """

    out: str
    source: str
    driving: str
    state: str
    frames: int = 0
    seconds: float = 0.0
    made_from: str = ""
    sha256: str = ""
    reason: str = ""


def read_results(folder: Path) -> dict[str, Result]:
    """Results by name of the file, as the table in `folder` has them; none where it is missing or no such table."""
    try:
        rows = list(csv.DictReader(io.StringIO((folder / TABLE).read_text(encoding="utf-8"))))
        return {row["out"]: Result(**row | {"frames": int(row["frames"]), "seconds": float(row["seconds"])}) for row in rows}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        return {}


def write_results(folder: Path, results: Iterable[Result]):
    """Write the table, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Result)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(result) | {"seconds": f"{result.seconds:.1f}"} for result in results)
    write_text_whole(folder / TABLE, text.getvalue())


def report(results: list[Result]) -> str:
    """Name, frames, seconds and state of every result in columns, and below it the reasons of those that failed."""
    rows = [("name", "frames", "seconds", "state")]
    for result in results:
        frames, seconds = ("-", "-") if result.state == FAILED else (str(result.frames), f"{result.seconds:.1f}")
        rows.append((result.out, frames, "-" if result.state == KEPT else seconds, result.state))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}" for a, b, c, d in rows]
    lines += [f"failed: {result.out}: {result.reason}" for result in results if result.state == FAILED]
    return "\n".join(lines)
