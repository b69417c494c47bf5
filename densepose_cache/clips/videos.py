"""Rows of folders of videos: by pattern, drawn into two splits, or from a table of windows and boxes."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ..config import VideosSource
from ..core.errors import InputError
from ..iuv.side_file import side_file
from ..storage.listing import walk
from ..storage.names import check_link
from ..video.files import sift
from .rescale import REFERENCE, rescaled
from .table import check_names, clip_name, read_csv

PATTERNS = {"train": "train/*", "test": "test/*"}
ALIASES = {"start": "start_frame", "end": "end_frame", "partition": "split"}


def rows(source: VideosSource, data: Path) -> pd.DataFrame:
    """One row per video that matches the patterns, or per video of a folder without them, or per row of `source.table`.

    Videos are all files that can be decoded, whatever their suffix; one line names the files that are passed over.
    A side file `{stem}.iuv.h5` beside a video fills the column `iuv`. Where the videos of a published table are not all there, the column
    `missing` holds the reason. Raises InputError if the folder, its videos or the table are missing or wrong.
    """
    root = Path(source.path)
    check_link(root)
    if not root.is_dir():
        raise InputError(
            f"{root}: no such folder of videos. Put or link your videos there, or change source.path of this data set in the configuration"
            + (f"; {source.table} then says which windows are cut from them" if source.table else "")
        )
    divided = source.train or source.test or any((root / split).is_dir() for split in PATTERNS)
    table = _table_rows(source, root) if source.table else _pattern_rows(source, root) if divided else _drawn_rows(source, root)
    table["iuv"] = [side_file(Path(video)) if video else "" for video in table["video"]]
    return table


def video_files(root: Path, table: str | None = None) -> list[Path]:
    """Video files in `root` and all folders below it, sorted; links are followed, hidden files and folders passed over.

    Other files, but for the `table` of clips, are named in one line.
    """
    return _videos((Path(place, name) for place, _, files in walk(root) for name in files), root, table)


def _videos(paths: Iterable[Path], root: Path, table: str | None) -> list[Path]:
    own = Path(table) if table else None
    videos, others = sift(path for path in paths if not own or path.name != own.name or path.resolve() != own.resolve())
    if others:
        print(f"{root}: passed over, no videos: {others}", file=sys.stderr)
    return videos


def _pattern_rows(source: VideosSource, root: Path) -> pd.DataFrame:
    found = []
    for split, standard in PATTERNS.items():
        pattern = getattr(source, split) or standard
        videos = _videos((path for path in root.glob(pattern) if not path.is_dir()), root, source.table)
        if not videos:
            raise InputError(f"{root}: no {split} video matches `{pattern}`; put videos there or change source.{split} of this data set")
        found += [{"clip": _clip(path, root), "split": split, "video": str(path)} for path in videos]
    table = pd.DataFrame(found)
    check_names(table["clip"], map(Path, table["video"]), root)
    return table


def _drawn_rows(source: VideosSource, root: Path) -> pd.DataFrame:
    """All videos of a folder, each in a split that its name alone decides, as long as both splits have one."""
    videos = video_files(root)
    if len(videos) < 2:
        raise InputError(
            f"{root}: holds {len(videos)} video{'s' * (len(videos) != 1)} but at least two are needed, one to train and one to test; add "
            "videos, or cut windows from one with source.table"
        )
    names = [_clip(path, root) for path in videos]
    check_names(names, videos, root)
    places = [_place(name) for name in names]
    border = min(max(source.test_fraction, min(places)), sorted(places)[-2])
    splits = ["test" if place <= border else "train" for place in places]
    return pd.DataFrame({"clip": names, "split": splits, "video": [str(path) for path in videos]})


def _clip(path: Path, root: Path) -> str:
    return clip_name(path.relative_to(root).with_suffix("").as_posix())


def _place(name: str) -> float:
    """A number in [0, 1) that depends on `name` alone, evenly spread over names."""
    return int.from_bytes(hashlib.sha256(f"split {name}".encode()).digest()[:6], "big") / 2**48


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
    table = _by_id(table, path, root, source.missing) if by_id else _by_path(table, path, root)
    if any(name in table.columns for name in REFERENCE):
        table = rescaled(table, path)
    return table.drop(columns=[*REFERENCE, "video_id"], errors="ignore")


def _by_path(table: pd.DataFrame, path: Path, root: Path) -> pd.DataFrame:
    table = table.assign(video=[str(root / name) for name in table["video"]])
    for row, video in enumerate(table["video"]):
        check_link(video)
        if not Path(video).is_file():
            raise InputError(f"{path}: row {row + 2}, column video: {video} does not exist")
    return table


def _by_id(table: pd.DataFrame, path: Path, root: Path, missing: str) -> pd.DataFrame:
    """Rows of a published table, whose videos go missing over time: those that are not there get a reason in the column `missing`.

    Raises InputError if none is there, or any is not and `missing` is `fail`.
    """
    files = _files_by_stem(root, path)
    table["video"] = [_file(name, files) for name in table["video_id"]]
    there = table["video"] != ""
    gone = sorted(set(table.loc[~there, "video_id"]))
    if not there.any():
        raise InputError(
            f"{root}: holds none of the {len(gone)} videos that {path} names (as `{gone[0]}.mp4` and so on); download the videos of "
            "the data set, put those that you have there, or change source.path of this data set"
        )
    if gone and missing == "fail":
        raise InputError(
            f"{root}: lacks {len(gone)} of the videos that {path} names, the first is `{gone[0]}`; get them, or set source.missing to "
            "leave_out: their clips are then left out and listed"
        )
    if gone:
        plural = "s" * (len(gone) != 1)
        print(f"{root}: lacks {len(gone)} video{plural} of {path}; {sum(~there)} of {len(table)} clips are left out", file=sys.stderr)
    table["missing"] = [f"no video `{name}` in {root}" if not video else "" for name, video in table[["video_id", "video"]].values]
    if "clip" not in table.columns:
        parts = [table[name] for name in ("video_id", "start_frame", "end_frame") if name in table.columns]
        names = pd.Series([clip_name("-".join(filter(None, row))) for row in zip(*parts, strict=True)], index=table.index)
        again = names.groupby(names).cumcount()
        table["clip"] = [clip_name(name, f"-{count + 1}") if count else name for name, count in zip(names, again, strict=True)]
    return table


def _files_by_stem(root: Path, table: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in video_files(root, str(table)):
        found.setdefault(file.stem, []).append(file)
    return found


def _file(name: str, files: dict[str, list[Path]]) -> str:
    """The file of the video `name` (perhaps its part before a `#`), "" if it is not there. Raises InputError if it is there twice."""
    found = files.get(name) or files.get(name.split("#")[0]) or []
    if len(found) > 1:
        raise InputError(f"{found[0]}: the video {name} is there twice, also as {found[1]}; remove one of them")
    return str(found[0]) if found else ""
