"""From a source in the configuration to the clip table and its shards."""

from pathlib import Path

import pandas as pd

from ..config import FramesSource, SampleSource, UrlsSource, VideosSource
from ..shards import bucket, shard_name
from . import fetched, frames, sample, videos
from .digests import digest_files
from .table import check_table, read_table, write_table

ROWS = {SampleSource: sample.rows, FramesSource: frames.rows, VideosSource: videos.rows, UrlsSource: fetched.rows}


def clip_rows(source, data: Path) -> pd.DataFrame:
    """Rows of the clip table that `source` describes, without digests; `data` is the folder that `sample` or `fetch` filled.

    Raises InputError if files are missing or the source's own table is wrong.
    """
    return ROWS[type(source)](source, Path(data))


def build_clip_table(source, data: Path, out: Path, shards: int) -> pd.DataFrame:
    """Write the clip table `out` and beside it `clips/{shard}.csv` for every shard, and return the table.

    Every shard is written, also where it holds no clip; a shard's table that would be the same keeps its time stamp. Digests of the
    videos are remembered in `.digests.json` beside `out`. Raises InputError; each file appears whole or not at all, and `out` last.
    """
    out = Path(out)
    table = check_table(clip_rows(source, data), out)
    videos_found = digest_files([*table["video"], *(path for path in table["iuv"] if path)], out.parent)
    table["sha256"] = table["video"].map(videos_found)
    table["iuv_sha256"] = table["iuv"].map(lambda path: videos_found.get(path, ""))
    table = table.sort_values("clip", ignore_index=True)
    numbers = table["clip"].map(lambda name: bucket(name, shards)) if len(table) else table["clip"]
    for number in range(shards):
        write_table(out.parent / "clips" / f"{shard_name(number)}.csv", table[numbers == number], keep=True)
    write_table(out, table)
    return read_table(out)
