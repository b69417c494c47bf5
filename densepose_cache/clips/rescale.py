"""Windows and boxes that a table counts at a reference rate and size, moved to the rate and size of the files that are there."""

import functools
import re
import sys
from pathlib import Path

import pandas as pd

from ..core.errors import InputError
from ..core.progress import track
from ..video.probe import VideoInfo, frame_times, probe
from .clip import BOX, format_box

REFERENCE = ("fps", "width", "height")
SAME_RATE = 0.01
"""Published rates have two decimals (29.97 for 30000/1001, 23.97 for 24000/1001): a rate that differs by less is the same."""
MARGIN = 5
"""Frames by which what a container says of its length may be wrong."""


def rescaled(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """`table` (text columns) with `start_frame`, `end_frame` and `bbox` in frames and pixels of the files in the column `video`.

    The columns `fps`, `width` and `height`, as far as they are there, say at which rate and size they were counted. A window that begins in
    the file and ends after it is cut there. What belongs to a file that is missing ("") or cannot be read stays as it is: decoding it tells
    what is wrong with it. Raises InputError, which names `path`, row and column, for text that is no number, window or box.
    """
    infos = _infos(table["video"])
    length = functools.cache(_length)
    rows = []
    for row, item in zip(table.index, table.to_dict("records"), strict=True):
        where = f"{path}: row {row + 2}"
        reference = {name: _number(item[name], f"{where}, column {name}") for name in REFERENCE if name in item}
        box = _box(item.get("bbox", ""), f"{where}, column bbox")
        start, end = (_frame(item.get(name, ""), f"{where}, column {name}") for name in ("start_frame", "end_frame"))
        info = infos.get(item["video"])
        if info is not None:
            start, end = (None if number is None else _scaled_frame(number, reference.get("fps"), info) for number in (start, end))
            if end is not None and end > info.frames_estimate - MARGIN and (start or 0) < (count := length(item["video"])):
                end = min(end, count)
            moved = {"bbox": _scaled_box(box, reference, info) if box else None, "start_frame": start, "end_frame": end}
            item |= {name: str(value) for name, value in moved.items() if value is not None}
        rows.append(item)
    return pd.DataFrame(rows, index=table.index, columns=table.columns)


def _infos(videos: pd.Series) -> dict[str, VideoInfo]:
    infos = {}
    for video in track(sorted(set(videos) - {""}), "Sizes and rates of videos", unit="videos"):
        try:
            infos[video] = probe(video)
        except InputError as error:
            print(f"warning: {error}", file=sys.stderr)
    return infos


def _number(text: str, where: str) -> float | None:
    if not text:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?", text) or float(text) <= 0:
        raise InputError(f"{where}: {text!r} is no number above 0")
    return float(text)


def _frame(text: str, where: str) -> float | None:
    if text and not re.fullmatch(r"\d+(\.\d*)?", text):
        raise InputError(f"{where}: {text!r} is no frame number (0, 1, 2, ...)")
    return float(text) if text else None


def _box(text: str, where: str) -> list[float]:
    match = BOX.fullmatch(text.strip())
    if text and not match:
        raise InputError(f"{where}: {text!r} is not left-top-right-bottom")
    return [float(edge) for edge in match.groups()] if match else []


def _scaled_frame(number: float, rate: float | None, info: VideoInfo) -> int:
    same = rate is None or abs(info.fps - rate) < SAME_RATE
    return round(number if same else number * info.fps / rate)


def _length(video: str) -> int:
    """Number of frames of a video, 0 if it cannot be read to its end."""
    try:
        return len(frame_times(Path(video)).seconds)
    except InputError:
        return 0


def _scaled_box(box: list[float], reference: dict, info: VideoInfo) -> str:
    across = info.width / reference["width"] if reference.get("width") else 1
    down = info.height / reference["height"] if reference.get("height") else 1
    return format_box(*(round(edge * scale) for edge, scale in zip(box, (across, down, across, down), strict=True)))
