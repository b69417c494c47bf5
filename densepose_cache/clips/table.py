"""The clip table's file format: read, check, write."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd

from ..core.errors import InputError
from ..storage.atomic import write_text_whole
from ..storage.digest import digest
from ..storage.names import shortened
from .clip import Clip, parse_box

COLUMNS = ("clip", "split", "video", "start_frame", "end_frame", "bbox", "iuv", "sha256", "iuv_sha256")
FIELDS = (*COLUMNS, "fps")
"""Columns that a `Clip` is made of; a table may lack the last one."""
CONTENT = ("split", "start_frame", "end_frame", "bbox", "fps", "sha256", "iuv_sha256")
SPLITS = ("train", "test")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
LONGEST_NAME = 240
"""Characters that a clip's name may have: files are named after clips, with suffixes."""


def read_table(path: Path) -> pd.DataFrame:
    """The clip table of a CSV file: text columns hold text ("" = empty), `start_frame` and `end_frame` are Int64 with <NA> = open.

    Raises InputError that names file, row and column of the first thing that is wrong.
    """
    return check_table(read_csv(path, COLUMNS), path)


def read_clips(path: Path) -> list[Clip]:
    """The clips of a clip table, in its order. Raises InputError as `read_table`."""
    table = read_table(path).reindex(columns=FIELDS, fill_value="")
    return [_clip(*row) for row in table.itertuples(index=False, name=None)]


def write_table(path: Path, table: pd.DataFrame):
    """Check a clip table and write it as CSV, whole or not at all. Raises InputError."""
    write_text_whole(Path(path), as_text(check_table(table, path)))


def as_text(table: pd.DataFrame) -> str:
    """A table that `check_table` gave back as CSV, the columns of all clip tables first."""
    return table[[*COLUMNS, *(name for name in table.columns if name not in COLUMNS)]].to_csv(index=False)


def clip_digests(table: pd.DataFrame) -> pd.Series:
    """Digest, by name of the clip, of all that a row says of its content: split, window, box, rate, and SHA-256 of video and maps.

    Where the files lie does not count.
    """
    facts = table.reindex(columns=CONTENT).astype("string").fillna("")
    return pd.Series([digest(*row) for row in facts.to_numpy().tolist()], index=table["clip"], dtype=object)


def table_digest(table: pd.DataFrame) -> str:
    """Digest of the names and contents of all clips, in whatever order they stand."""
    return digest(sorted(clip_digests(table).items()))


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
    found = [(int(bad.to_numpy().argmax()), column, text) for column, bad, text in _problems(table) if bad.any()]
    if found:
        place, column, text = min(found, key=lambda problem: problem[0])
        raise InputError(f"{path}: row {table.index[place] + 2}, column {column}: {text(table.iloc[place])}")
    return table


def clip_name(text: str, end: str = "") -> str:
    """A valid clip name made of a relative path or another free text, and of `end`: `/` becomes `-`, what names may not hold `_`.

    A text in other letters than A to Z gets six digits of its digest at its end, since little else may be left of it, and so does one that
    is too long.
    """
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", str(text).strip("/").replace("/", "-"))
    if not str(text).isascii():
        name = f"{name}-{hashlib.sha256(str(text).encode()).hexdigest()[:6]}"
    return shortened(name if NAME.fullmatch(name) else f"v{name}", LONGEST_NAME - len(end), str(text)) + end


def check_names(names: Iterable[str], paths: Iterable[Path], root: Path):
    """Raise InputError, which names both files, if two `paths` below `root` have given the same clip name."""
    seen: dict[str, Path] = {}
    for name, path in zip(names, paths, strict=True):
        if name in seen:
            one, other = (place.relative_to(root) for place in (seen[name], path))
            raise InputError(
                f"{root}: {one} would be clip {name!r} both to train and to test; change source.train or source.test"
                if one == other
                else f"{root}: both {one} and {other} would be clip {name!r}; rename one of them"
            )
        seen[name] = path


def _clip(name: str, split: str, video: str, start, end, bbox: str, iuv: str, sha256: str, iuv_sha256: str, fps: str) -> Clip:
    """The clip of a row of the columns `FIELDS`."""
    start, end = (None if number is pd.NA else int(number) for number in (start, end))
    return Clip(name, Path(video), split, start, end, bbox, fps, Path(iuv) if iuv else None, sha256, iuv_sha256)


def _frames(column: pd.Series, path: Path) -> pd.Series:
    text = column.astype("string").fillna("").str.strip()
    bad = ~text.str.fullmatch(r"(\d+(\.0*)?)?")
    if bad.any():
        row = bad.idxmax()
        raise InputError(f"{path}: row {row + 2}, column {column.name}: {text[row]!r} is no frame number (0, 1, 2, ...)")
    return pd.to_numeric(text.where(text != "")).astype("Int64")


def _problems(table: pd.DataFrame) -> Iterator[tuple[str, pd.Series, Callable[[pd.Series], str]]]:
    """What can be wrong with a row, the first thing first: the column, in which rows it is so, and what to say of such a row."""
    clip, start = table["clip"].astype(str), table["start_frame"].fillna(0)
    yield (
        "clip",
        ~clip.str.fullmatch(NAME),
        lambda row: f"{row['clip']!r} is no clip name; it must begin with a letter or digit and go on with letters, digits, . _ + or -",
    )
    yield (
        "clip",
        clip.str.len() > LONGEST_NAME,
        lambda row: (
            f"{row['clip'][:40]!r}... has {len(row['clip'])} characters, but files are named after clips: take at most {LONGEST_NAME}"
        ),
    )
    yield (
        "clip",
        clip.duplicated(),
        lambda row: f"{row['clip']!r} stands in row {(clip == row['clip']).idxmax() + 2}, too; clip names must differ",
    )
    yield "split", ~table["split"].isin(SPLITS), lambda row: f"{row['split']!r} is no split; allowed: train, test"
    yield "video", table["video"] == "", lambda row: f"no video is named for clip {row['clip']!r}"
    yield (
        "end_frame",
        (table["end_frame"] <= start).fillna(False),
        lambda row: f"the window {start[row.name]}..{row['end_frame']} of clip {row['clip']!r} is empty; the end is not included",
    )
    yield "bbox", table["bbox"].map(lambda text: _box_problem(text) is not None), lambda row: _box_problem(row["bbox"])


def _box_problem(text: str) -> str | None:
    try:
        parse_box(text)
    except ValueError as error:
        return str(error)
    return None
