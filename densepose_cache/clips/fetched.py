"""Rows of videos that `fetch` brought."""

from pathlib import Path

import pandas as pd

from ..config import UrlsSource
from ..core.errors import InputError
from ..iuv.side_file import side_file
from ..storage.digest import file_state
from ..storage.names import check_link
from .table import read_csv


def replaced(data: Path) -> list[list]:
    """Names, sizes and times of change of the videos in `data` that are not those that `{data}/fetched.csv` was written for.

    All that are there if it does not say so; none without that table, or one that cannot be read.
    """
    try:
        table = read_csv(data / "fetched.csv", ("video",)).reindex(columns=["video", "size", "changed"], fill_value="")
    except InputError:
        return []
    known = [[row.video, row.size, row.changed] for row in table.itertuples(index=False)]
    found = [[name, *map(str, file_state(data / name))] for name in table["video"] if (data / name).is_file()]
    return sorted(state for state in found if state not in known)


def rows(source: UrlsSource, data: Path) -> pd.DataFrame:
    """One row per video of `{data}/fetched.csv`; its status is the column `missing` where it is not ok.

    A side file beside a video fills the column `iuv`. Raises InputError if the table or a fetched video is missing, or not one is ok.
    """
    listing = data / "fetched.csv"
    if not listing.is_file():
        raise InputError(
            f"{listing}: no such file; run `densepose-cache fetch` to download the videos of {source.train} and {source.test}, "
            "or put videos that you have into a folder and use a source of kind `videos`"
        )
    table = read_csv(listing, ("url", "split", "clip", "video", "status"))
    there = table["status"] == "ok"
    if not there.any():
        raise InputError(f"{listing}: not one video could be fetched; see its column `status`, or use a source of kind `videos`")
    table["video"] = [str(data / name) for name in table["video"]]
    for path in table.loc[there, "video"]:
        check_link(path)
        if not Path(path).is_file():
            raise InputError(f"{path}: named in {listing} but missing; run `densepose-cache fetch` again")
    table["iuv"] = [side_file(Path(video)) for video in table["video"]]
    table["missing"] = table["status"].where(~there, "")
    return table[["clip", "split", "video", "iuv", "url", "missing"]]
