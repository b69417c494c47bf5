"""One picture of a whole batch: the middle frame of every result beside its source and its driving video."""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from densepose_cache.cache.reader import SplitReader
from densepose_cache.config import VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import written_whole
from densepose_cache.video import frame_files, frame_times, read_folder, read_frames
from densepose_cache.video.picture import read_picture

from ...config import AnimateSettings
from ...inference.panels import GAP, iuv_colours, sheet
from ..inputs import cached, is_motion
from ..motion import Wanted
from ..motion_file import read_motion
from ..sources import FOLDER_FPS
from .pairs import stem
from .results import FAILED, Result

NAME = "contact_sheet.png"
SIDE = 160
"""Pixels of a panel's side."""
LETTERS = 24
"""Characters above a panel."""
MOST = 200
"""Results on one sheet."""
BETWEEN = 5 * GAP
"""Pixels between the triples of a list."""

Cell = tuple[str, np.ndarray | None]
"""Caption and picture, if there is any."""


def contact_sheet(results: list[Result], settings: AnimateSettings, folder: Path) -> Path:
    """Write NAME into `folder` and return its path; of very many results the first MOST are on it.

    Where every source meets every driving video, they are its rows and columns; else each result stands beside its own two.
    """
    results = results[:MOST]
    sources = {result.source: _source(result.source) for result in results}
    drivings = {result.driving: _middle(result.driving, settings) for result in results}
    found = {(result.source, result.driving): _generated(result, folder) for result in results}
    source_cells, driving_cells = ({text: (stem(text), picture) for text, picture in some.items()} for some in (sources, drivings))
    if len(found) == len(results) == len(sources) * len(drivings) and len(results) > 1:
        rows = [[("", None), *driving_cells.values()]]
        rows += [[source_cells[source], *(found[source, driving] for driving in drivings)] for source in sources]
        picture = _grid(rows, GAP)
    else:
        triples = [_grid([[source_cells[r.source], driving_cells[r.driving], found[r.source, r.driving]]], GAP) for r in results]
        height, width = triples[0].shape[:2]
        columns = max(1, round(math.sqrt(len(triples) * height / width)))
        picture = _joined([triples[first : first + columns] for first in range(0, len(triples), columns)], BETWEEN)
    with written_whole(folder / NAME) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    return folder / NAME


def _source(text: str) -> np.ndarray | None:
    """The picture `text`, or the first frame of a clip of the cache; None where it cannot be read."""
    try:
        if place := cached(text):
            with SplitReader(place[0]) as reader:
                return reader.frames(place[1], 0)
        return read_picture(Path(text), VideoSettings().pad)
    except InputError:
        return None


def _middle(text: str, settings: AnimateSettings | None = None) -> np.ndarray | None:
    """The middle frame of a motion, of the part that `settings` take; of a motion file its map in colour. None where it cannot be read."""
    start, end = (settings.start or 0.0, settings.end) if settings else (0.0, None)
    path = Path(text)

    def number(seconds: np.ndarray) -> int:
        first, last = np.searchsorted(seconds, (start, math.inf if end is None else end))
        return int(min((first + last) // 2, len(seconds) - 1))

    try:
        if place := cached(text):
            with SplitReader(place[0]) as reader:
                return reader.frames(place[1], number(np.arange(reader.length(place[1])) / reader.fps(place[1])))
        if is_motion(path):
            motion = read_motion(path, Wanted(SIDE, start=settings.start, end=settings.end))
            maps = [frame.iuv for frame in motion.read()]
            return iuv_colours(maps[len(maps) // 2])
        if path.is_dir():
            at = number(np.arange(len(frame_files(path))) / FOLDER_FPS)
            return next(read_folder(path, at, at + 1))
        at = number(frame_times(path).seconds)
        return next(read_frames(path, at, at + 1))
    except InputError:
        return None


def _generated(result: Result, folder: Path) -> Cell:
    """The middle frame of a result."""
    picture = None if result.state == FAILED else _middle(str(folder / result.out))
    return "failed" if result.state == FAILED else "", picture


def _grid(rows: list[list[Cell]], gap: int) -> np.ndarray:
    return _joined([[_panel(*cell) for cell in row] for row in rows], gap)


def _panel(caption: str, picture: np.ndarray | None) -> np.ndarray:
    """A picture, whole, in a white square of SIDE under its caption."""
    if len(caption) > LETTERS:
        caption = caption[: LETTERS - 1] + "…"
    square = np.full((SIDE, SIDE, 3), 255, np.uint8)
    if picture is not None:
        square = np.asarray(ImageOps.pad(Image.fromarray(picture), (SIDE, SIDE), color=(255, 255, 255)))
    return sheet({caption: square})


def _joined(rows: list[list[np.ndarray]], gap: int) -> np.ndarray:
    """Pictures of one size in rows, `gap` white pixels apart; the last row may be shorter."""
    height, width = rows[0][0].shape[:2]
    columns = max(map(len, rows))
    whole = np.full((len(rows) * (height + gap) - gap, columns * (width + gap) - gap, 3), 255, np.uint8)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            whole[row * (height + gap) :, column * (width + gap) :][:height, :width] = picture
    return whole
