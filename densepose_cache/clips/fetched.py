"""Rows of videos that `fetch` brought."""

from pathlib import Path

import pandas as pd

from ..config import UrlsSource
from ..errors import InputError
from .table import read_csv


def rows(source: UrlsSource, data: Path) -> pd.DataFrame:
    """One row per video of `{data}/fetched.csv` whose status is ok. Raises InputError if the table or a video is missing, or none is ok."""
    listing = data / "fetched.csv"
    if not listing.is_file():
        raise InputError(
            f"{listing}: no such file; run `densepose-cache fetch` to download the videos of {source.train} and {source.test}, "
            "or put videos that you have into a folder and use a source of kind `videos`"
        )
    table = read_csv(listing, ("url", "split", "clip", "video", "status"))
    table = table[table["status"] == "ok"].reset_index(drop=True)
    if not len(table):
        raise InputError(f"{listing}: not one video could be fetched; see its column `status`, or use a source of kind `videos`")
    table["video"] = [str(data / name) for name in table["video"]]
    for path in table["video"]:
        if not Path(path).is_file():
            raise InputError(f"{path}: named in {listing} but missing; run `densepose-cache fetch` again")
    return table[["clip", "split", "video", "url"]]
