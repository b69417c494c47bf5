"""Which pictures move as which motions: from a table, or all of two folders."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from natsort import natsorted

from densepose_cache.core.errors import InputError
from densepose_cache.iuv import PNG_SUFFIX
from densepose_cache.storage.names import check_file, shortened
from densepose_cache.video.files import sift
from densepose_cache.video.folder import OTHER_SUFFIXES, SUFFIXES
from densepose_cache.video.writing import ENCODERS

from ..inputs import MOTION_SUFFIX, cached, is_motion

LONGEST = 200
"""Bytes of a name that is made of two."""
COLUMNS = ("source", "driving", "out", "source_iuv", "driving_iuv")


@dataclass(frozen=True)
class Pair:
    """`source` and `driving` as `Job` takes them; `out` is the name of the file in the folder of results."""

    source: str
    driving: str
    out: str
    source_iuv: Path | None = None
    driving_iuv: Path | None = None


def table_pairs(path: Path, ending: str) -> list[Pair]:
    """The rows of the CSV `path`: columns source and driving, and if they are there out, source_iuv, driving_iuv.

    Files are relative to the table's folder. Without `out` a file is called after both; without an ending it gets `ending`. Raises
    InputError for a table that is wrong, and where two rows would write one file.
    """
    check_file(path, "table of pairs")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from None
    if missing := [name for name in COLUMNS[:2] if name not in table.columns]:
        raise InputError(f"{path}: has no column {missing[0]}; it has {', '.join(table.columns)}")
    if unknown := [name for name in table.columns if name not in COLUMNS]:
        raise InputError(f"{path}: the column {unknown[0]} is unknown; known are {', '.join(COLUMNS)}")
    if table.empty:
        raise InputError(f"{path}: has no row; give each pair one")
    pairs = []
    for number, row in enumerate(table.reindex(columns=COLUMNS, fill_value="").itertuples(index=False), 2):
        if not (row.source and row.driving):
            raise InputError(f"{path}: line {number} has no {'driving' if row.source else 'source'}")
        maps = [path.parent / text if text else None for text in (row.source_iuv, row.driving_iuv)]
        source, driving = str(path.parent / row.source), str(path.parent / row.driving)
        pairs.append(Pair(source, driving, _out(row.out or f"{stem(source)}-{stem(driving)}", ending, path), *maps))
    return _once(pairs, str(path), "give them other names in the column out")


def folder_pairs(sources: Path, drivings: Path, ending: str) -> list[Pair]:
    """Every picture of the folder `sources` with every video and motion file of the folder `drivings`; maps beside them do not count.

    Raises InputError if a folder is missing or holds none, and where two pairs would write one file.
    """
    for folder in (sources, drivings):
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder")
    kinds = SUFFIXES | OTHER_SUFFIXES
    found = [path for path in sources.iterdir() if path.suffix.lower() in kinds and not path.name.endswith(PNG_SUFFIX)]
    pictures = natsorted((path for path in found if not path.name.startswith(".")), key=lambda path: path.name)
    files = [path for path in drivings.iterdir() if path.is_file()]
    motions = natsorted([*sift(files)[0], *filter(is_motion, files)], key=lambda path: path.name)
    for folder, paths, what in ((sources, pictures, "picture"), (drivings, motions, "video and no motion file")):
        if not paths:
            raise InputError(f"{folder}: holds no {what}")
    pairs = [
        Pair(str(source), str(driving), _out(f"{stem(str(source))}-{stem(str(driving))}", ending, sources))
        for source in pictures
        for driving in motions
    ]
    return _once(pairs, f"{sources} and {drivings}", "rename one of the files")


def stem(text: str) -> str:
    """What a picture or motion is called in the names of results: its clip, or its file without the ending."""
    if place := cached(text):
        return place[1]
    path = Path(text)
    return path.name.removesuffix(MOTION_SUFFIX) if is_motion(path) else path.stem


def _out(name: str, ending: str, where: Path) -> str:
    path = Path(name)
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{where}: {name} does not lie in the folder of results; name a file in it")
    if path.suffix.lower() in ENCODERS:
        return name
    return str(path.with_name(shortened(path.name, LONGEST) + ending))


def _once(pairs: list[Pair], where: str, advice: str) -> list[Pair]:
    counts = Counter(pair.out for pair in pairs)
    if twice := [name for name in counts if counts[name] > 1]:
        raise InputError(f"{where}: {counts[twice[0]]} pairs would be written to {twice[0]}; {advice}")
    return pairs
