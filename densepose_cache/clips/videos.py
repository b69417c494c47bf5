"""Rows of folders of videos, by pattern or from a table of windows and boxes."""

import re
import sys
from pathlib import Path

import pandas as pd

from ..config import VideosSource
from ..errors import InputError
from ..progress import track
from ..video.probe import VideoInfo, probe
from .table import BOX, check_table, clip_name, read_csv

SUFFIXES = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".gif"}
ALIASES = {"start": "start_frame", "end": "end_frame", "partition": "split"}
REFERENCE = ("fps", "width", "height")


def rows(source: VideosSource, data: Path) -> pd.DataFrame:
    """One row per video that matches the patterns, or per row of `source.table`.

    A side file `{stem}.iuv.h5` beside a video fills the column `iuv`. Raises InputError if the folder, its videos or the table are missing
    or wrong.
    """
    root = Path(source.path)
    if not root.is_dir():
        raise InputError(
            f"{root}: no such folder of videos. Put or link your videos there, or change source.path of this data set in the configuration"
            + (f"; {source.table} then says which windows are cut from them" if source.table else "")
        )
    table = _table_rows(source, root) if source.table else _pattern_rows(source, root)
    table["iuv"] = [_side_file(Path(video)) for video in table["video"]]
    return table


def _pattern_rows(source: VideosSource, root: Path) -> pd.DataFrame:
    found = []
    for split, pattern in (("train", source.train), ("test", source.test)):
        videos = sorted(p for p in root.glob(pattern) if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
        if not videos:
            raise InputError(f"{root}: no {split} video matches `{pattern}`; put videos there or change source.{split} of this data set")
        for path in videos:
            name = clip_name(path.relative_to(root).with_suffix("").as_posix())
            found.append({"clip": name, "split": split, "video": str(path)})
    return pd.DataFrame(found)


def _side_file(video: Path) -> str:
    side = video.with_name(f"{video.stem}.iuv.h5")
    return str(side) if side.is_file() else ""


def _table_rows(source: VideosSource, root: Path) -> pd.DataFrame:
    path = Path(source.table)
    if not path.is_file():
        raise InputError(
            f"{path}: no such table of clips. Write it with the columns clip, split, video and optionally start_frame, end_frame, bbox, "
            "fps, width, height, or download the Tai-Chi metadata (video_id, start, end, bbox, fps, width, height, partition), which fits "
            "as it is, or set source.table to null and use the patterns source.train and source.test"
        )
    table = read_csv(path)
    table = table.rename(columns={old: new for old, new in ALIASES.items() if new not in table.columns})
    by_id = "video" not in table.columns and "video_id" in table.columns
    for column in ("split", "video_id" if by_id else "video", *(() if by_id else ("clip",))):
        if column not in table.columns:
            raise InputError(f"{path}: column {column} missing; found: {', '.join(table.columns)}")
    table = _by_id(table, path, root) if by_id else _by_path(table, path, root)
    if any(name in table.columns for name in REFERENCE):
        table = _rescaled(table, path)
    return check_table(table.drop(columns=[*REFERENCE, "video_id"], errors="ignore"), path)


def _by_path(table: pd.DataFrame, path: Path, root: Path) -> pd.DataFrame:
    table = table.assign(video=[str(root / name) for name in table["video"]])
    for row, video in enumerate(table["video"]):
        if not Path(video).is_file():
            raise InputError(f"{path}: row {row + 2}, column video: {video} does not exist")
    return table


def _by_id(table: pd.DataFrame, path: Path, root: Path) -> pd.DataFrame:
    """Rows whose video is there; published videos go missing over time, so the others are counted and left out."""
    files = {p.stem: p for p in sorted(root.rglob("*")) if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")}
    there = table["video_id"].isin(set(files))
    missing = sorted(set(table.loc[~there, "video_id"]))
    if not there.any():
        raise InputError(
            f"{root}: holds none of the {len(missing)} videos that {path} names (as `{missing[0]}.mp4` and so on); download the videos of "
            "the data set, put those that you have there, or change source.path of this data set"
        )
    if missing:
        print(f"{len(missing)} videos of {path} are not in {root}; {sum(~there)} of {len(table)} clips are left out", file=sys.stderr)
    table = table[there].copy()
    table["video"] = [str(files[name]) for name in table["video_id"]]
    if "clip" not in table.columns:
        parts = [table[name] for name in ("video_id", "start_frame", "end_frame") if name in table.columns]
        names = pd.Series([clip_name("-".join(filter(None, row))) for row in zip(*parts, strict=True)], index=table.index)
        again = names.groupby(names).cumcount()
        table["clip"] = [f"{name}-{count + 1}" if count else name for name, count in zip(names, again, strict=True)]
    return table


def _rescaled(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Windows and boxes counted at the reference rate and size, moved to the rate and size of the files."""
    infos = {video: probe(video) for video in track(sorted(set(table["video"])), "Sizes and rates of videos")}
    columns = [name for name in ("start_frame", "end_frame", "bbox") if name in table.columns]
    for row, item in table.iterrows():
        reference = {name: _number(item, name, f"{path}: row {row + 2}") for name in REFERENCE if name in table.columns}
        for name in columns:
            if item[name]:
                change = _box if name == "bbox" else _frame
                table.loc[row, name] = change(item[name], reference, infos[item["video"]], f"{path}: row {row + 2}, column {name}")
    return table


def _number(item: pd.Series, name: str, where: str) -> float | None:
    if not item[name]:
        return None
    if not re.fullmatch(r"\d+(\.\d+)?", item[name]) or float(item[name]) <= 0:
        raise InputError(f"{where}, column {name}: {item[name]!r} is no number above 0")
    return float(item[name])


def _frame(text: str, reference: dict, info: VideoInfo, where: str) -> str:
    if not re.fullmatch(r"\d+(\.\d*)?", text):
        raise InputError(f"{where}: {text!r} is no frame number (0, 1, 2, ...)")
    rate = reference.get("fps")
    if not rate:
        return text
    return str(min(round(float(text) * info.fps / rate), info.frames_estimate))


def _box(text: str, reference: dict, info: VideoInfo, where: str) -> str:
    match = BOX.fullmatch(text.strip())
    if not match:
        raise InputError(f"{where}: {text!r} is not left-top-right-bottom")
    across = info.width / reference["width"] if reference.get("width") else 1
    down = info.height / reference["height"] if reference.get("height") else 1
    scales = (across, down, across, down)
    return "-".join(str(round(float(edge) * scale)) for edge, scale in zip(match.groups(), scales, strict=True))
