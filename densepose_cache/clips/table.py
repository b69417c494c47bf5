"""The clip table's file format: read, check, write."""

import re
from pathlib import Path

import pandas as pd

from ..errors import InputError
from ..whole import write_text_whole

COLUMNS = ("clip", "split", "video", "start_frame", "end_frame", "bbox", "iuv", "sha256", "iuv_sha256")
SPLITS = ("train", "test")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
NUMBER = r"(-?\d+(?:\.\d+)?)"
BOX = re.compile(rf"{NUMBER}-{NUMBER}-{NUMBER}-{NUMBER}")


def read_table(path: Path) -> pd.DataFrame:
    """The clip table of a CSV file: text columns hold text ("" = empty), `start_frame` and `end_frame` are Int64 with <NA> = open.

    Raises InputError that names file, row and column of the first thing that is wrong.
    """
    return check_table(read_csv(path, COLUMNS), path)


def write_table(path: Path, table: pd.DataFrame, keep: bool = False):
    """Check a clip table and write it as CSV, whole or not at all. Raises InputError.

    With `keep` a file that holds the same text is left as it is.
    """
    path = Path(path)
    table = check_table(table, path)
    extra = [name for name in table.columns if name not in COLUMNS]
    text = table[[*COLUMNS, *extra]].to_csv(index=False)
    if keep and path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    write_text_whole(path, text)


def read_csv(path: Path, required: tuple[str, ...] = ()) -> pd.DataFrame:
    """Any CSV file as a table of text, "" where a cell is empty. Raises InputError if it is missing, no CSV, or lacks a column."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such table")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV table with a header line ({error})") from None
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise InputError(f"{path}: column{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing; found: {', '.join(table.columns)}")
    return table


def check_table(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """`table` with all columns of a clip table and their types; columns that are absent become empty.

    Raises InputError that names `path`, where the table comes from, and the row: the first one after the header, index 0, is row 2.
    """
    table = table.copy()
    for name in COLUMNS:
        if name not in table.columns:
            table[name] = ""
    for name in ("start_frame", "end_frame"):
        table[name] = _frames(table[name], path)
    seen = {}
    for row, item in table.iterrows():
        problem = _problem(item, seen)
        if problem:
            column, text = problem
            raise InputError(f"{path}: row {row + 2}, column {column}: {text}")
        seen[item["clip"]] = row + 2
    return table


def parse_box(text: str) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of `left-top-right-bottom`; None for empty text. Raises ValueError."""
    if not text:
        return None
    match = BOX.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not left-top-right-bottom")
    left, top, right, bottom = (round(float(part)) for part in match.groups())
    if left >= right or top >= bottom:
        raise ValueError(f"{text!r} is empty: left < right and top < bottom are needed")
    return left, top, right, bottom


def clip_name(text: str) -> str:
    """A valid clip name made of a relative path or another free text: `/` becomes `-`, what names may not hold `_`."""
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", str(text).strip("/").replace("/", "-"))
    return name if NAME.fullmatch(name) else f"v{name}"


def _frames(column: pd.Series, path: Path) -> pd.Series:
    values = []
    for row, cell in column.items():
        text = "" if pd.isna(cell) else str(cell).strip()
        if text and not re.fullmatch(r"\d+(\.0*)?", text):
            raise InputError(f"{path}: row {row + 2}, column {column.name}: {text!r} is no frame number (0, 1, 2, ...)")
        values.append(int(float(text)) if text else pd.NA)
    return pd.Series(values, index=column.index, dtype="Int64", name=column.name)


def _problem(item: pd.Series, seen: dict[str, int]) -> tuple[str, str] | None:
    if not NAME.fullmatch(item["clip"]):
        return "clip", f"{item['clip']!r} is no clip name; it must begin with a letter or digit and go on with letters, digits, . _ + or -"
    if item["clip"] in seen:
        return "clip", f"{item['clip']!r} stands in row {seen[item['clip']]}, too; clip names must differ"
    if item["split"] not in SPLITS:
        return "split", f"{item['split']!r} is no split; allowed: train, test"
    if not item["video"]:
        return "video", f"no video is named for clip {item['clip']!r}"
    start, end = item["start_frame"], item["end_frame"]
    if not pd.isna(end) and end <= (0 if pd.isna(start) else start):
        return "end_frame", f"the window {0 if pd.isna(start) else start}..{end} of clip {item['clip']!r} is empty; the end is not included"
    try:
        parse_box(item["bbox"])
    except ValueError as error:
        return "bbox", str(error)
    return None
