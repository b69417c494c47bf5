"""Rows of folders of frames with IUV maps beside them (the layout of the paper's official repository)."""

from pathlib import Path

import pandas as pd

from ..config import FramesSource
from ..core.errors import InputError
from ..iuv import PNG_SUFFIX
from ..iuv.side_file import side_file
from ..storage.listing import walk
from ..storage.names import check_link
from ..video.folder import frame_files
from .table import check_names, check_table, clip_name, read_csv

OFFICIAL = "github.com/ubc-vision/DwNet"


def rows(source: FramesSource, data: Path) -> pd.DataFrame:
    """Two rows per clip folder, `{name}-train` and `{name}-test`, or the rows of `source.table`; the rate of the frames in `fps`.

    Maps are those of the side file `{frames_folder}.iuv.h5` if there is one, else of the folder of PNGs.
    Raises InputError if the folder or its frames are missing, or a clip has not one IUV map per frame.
    """
    root = Path(source.path)
    check_link(root)
    if not root.is_dir():
        raise InputError(
            f"{root}: no such folder of frames. Copy or link it there (two real clips are in the paper's official repository {OFFICIAL}: "
            f"its datasets/fashion_test/1 as {root}/fashion/1, its datasets/taichi_test/1 as {root}/taichi/1), or change source.path of "
            "this data set in the configuration"
        )
    folders = _clip_folders(root, source.frames_folder)
    if not folders:
        raise InputError(f"{root}: holds no folder `{source.frames_folder}` with frames, at any depth")
    if not source.table:
        check_names(map(clip_name, folders), folders.values(), root)
    found = {name: _described(folder, source) for name, folder in folders.items()}
    if source.table:
        table = _table_rows(source, found)
    else:
        table = pd.DataFrame([row for name, facts in found.items() for row in _split(name, facts, source.train_fraction)])
    return table if "fps" in table.columns else table.assign(fps=str(source.fps))


def _clip_folders(root: Path, frames_folder: str) -> dict[str, Path]:
    """Folders of clips by their path relative to `root`, sorted; links are followed."""
    found = {}
    for place, _, _ in walk(root):
        if (Path(place) / frames_folder).is_dir():
            name = Path(place).relative_to(root).as_posix()
            found[root.resolve().name if name == "." else name] = Path(place)
    return found


def _described(folder: Path, source: FramesSource) -> dict:
    video, maps = folder / source.frames_folder, folder / source.iuv_folder
    count, side = len(frame_files(video)), side_file(video)
    check_link(maps)
    if not side and maps.is_dir():
        found = sum(1 for _ in maps.glob(f"*{PNG_SUFFIX}"))
        if found != count:
            raise InputError(
                f"{maps}: holds {found} IUV maps but {video} holds {count} frames; `densepose-cache import-iuv {maps} {video}` gives the "
                "frames without a map an empty one"
            )
    return {"video": str(video), "iuv": side or (str(maps) if maps.is_dir() else ""), "count": count}


def _split(name: str, facts: dict, train_fraction: float) -> list[dict]:
    border = round(facts["count"] * train_fraction)
    windows = {"train": (0, border), "test": (border, facts["count"])}
    return [
        {
            "clip": clip_name(name, f"-{split}"),
            "split": split,
            "video": facts["video"],
            "start_frame": start,
            "end_frame": end,
            "iuv": facts["iuv"],
        }
        for split, (start, end) in windows.items()
    ]


def _table_rows(source: FramesSource, found: dict[str, dict]) -> pd.DataFrame:
    table = read_csv(source.table, ("clip", "split"))
    names = {clip_name(name): name for name in found}
    places = table["folder"] if "folder" in table.columns else table["clip"]
    for row, place in enumerate(places):
        facts = found.get(place.strip("/")) or found.get(names.get(place, ""))
        if facts is None:
            raise InputError(f"{source.table}: row {row + 2}: {Path(source.path) / place / source.frames_folder} does not exist")
        table.loc[row, ["video", "iuv"]] = facts["video"], facts["iuv"]
    table["clip"] = [clip_name(name) if "/" in name else name for name in table["clip"]]
    return check_table(table.drop(columns="folder", errors="ignore"), Path(source.table))
