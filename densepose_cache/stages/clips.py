"""From a source in the configuration to the clip table and its shards."""

import os
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from ..cache.shard import bucket, shard_name
from ..clips import fetched, frames, sample, videos
from ..clips.digests import current_digests, digest_files
from ..clips.table import as_text, check_table, read_table
from ..config import FramesSource, SampleSource, UrlsSource, VideosSource, read_source
from ..storage.atomic import only_writer, write_text_whole

ROWS = {SampleSource: sample.rows, FramesSource: frames.rows, VideosSource: videos.rows, UrlsSource: fetched.rows}
MISSING = "missing.csv"
"""Table beside the clip table: clip, split, reason of the clips that were left out since their video is not there."""


def clip_rows(source, data: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the clip table that `source` describes, without digests, and the clips that are left out (clip, split, reason).

    `data` is the folder that `sample` or `fetch` filled. Raises InputError if files are missing that may not be, or the source's own table
    is wrong.
    """
    table = ROWS[type(source)](source, Path(data))
    where = Path(getattr(source, "table", None) or getattr(source, "path", data))
    reasons = table["missing"] if "missing" in table.columns else pd.Series("", index=table.index)
    gone = table.assign(reason=reasons)[["clip", "split", "reason"]][reasons != ""]
    kept = check_table(table[reasons == ""].drop(columns="missing", errors="ignore"), where)
    return kept.reset_index(drop=True), gone.reset_index(drop=True)


def build_clip_table(source, data: Path, out: Path, shards: int) -> pd.DataFrame:
    """Write the clip table `out` and beside it `clips/{shard}.csv` for every shard, and return the table.

    Every shard is written, also where it holds no clip; a shard's table that would be the same keeps its time stamp. Digests of the
    videos are remembered in `.digests.json` beside `out`; clips whose video is not there are listed in `missing.csv`, which is there only
    if there are any. Raises InputError; each file appears whole or not at all, and `out` last.
    """
    out = Path(out)
    with only_writer(out):
        table, gone = clip_rows(source, data)
        table = _with_digests(table, digest_files(_files(table), out.parent))
        _write_shards(table, out.parent / "clips", shards)
        if len(gone):
            write_text_whole(out.with_name(MISSING), gone.to_csv(index=False))
        else:
            out.with_name(MISSING).unlink(missing_ok=True)
        write_text_whole(out, as_text(table))
    return read_table(out)


def restore_shard(whole: Path, path: Path, shards: int):
    """Write the table `path` of one of `shards` shards again from the clip table `whole`, as old as that is. Raises InputError."""
    table = read_table(whole)
    write_text_whole(path, as_text(table[table["clip"].map(lambda name: shard_name(bucket(name, shards)) == path.stem)]))
    stat = whole.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def current_table(source, data: Path, folder: Path, read_all: bool = False) -> pd.DataFrame:
    """The clip table that `build_clip_table` would write into `folder` now; nothing is written.

    With `read_all` every file is read, else only those whose size or time of change is not what it was when the table there was written.
    Raises InputError as `clip_rows`.
    """
    table, _ = clip_rows(source, data)
    return _with_digests(table, current_digests(_files(table), folder, read_all))


def _files(table: pd.DataFrame) -> list[str]:
    """Paths of videos, and of maps where there are any."""
    return [*table["video"], *(path for path in table["iuv"] if path)]


def _with_digests(table: pd.DataFrame, found: dict[str, str]) -> pd.DataFrame:
    """`table` with the digests of its files, by path, sorted by clip."""
    digests = {"sha256": table["video"].map(found), "iuv_sha256": table["iuv"].map(lambda path: found.get(path, ""))}
    return table.assign(**digests).sort_values("clip", ignore_index=True)


def _write_shards(table: pd.DataFrame, folder: Path, shards: int):
    """Write the tables of all shards into `folder`; one that holds the same text already is left as it is."""
    members = dict(list(table.groupby(table["clip"].map(lambda name: bucket(name, shards)))))
    for number in range(shards):
        path, text = folder / f"{shard_name(number)}.csv", as_text(members.get(number, table[:0]))
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text_whole(path, text)


def command(
    source: Annotated[str, typer.Option(help="The data set's source as JSON text, or the path of a JSON or YAML file.")],
    out: Annotated[Path, typer.Option(help="Clip table to write; the shards' tables go into the folder `clips` beside it.")],
    data: Annotated[Path, typer.Option(help="Folder that `sample` or `fetch` filled (sources sample and urls only).")] = Path("data"),
    shards: Annotated[int, typer.Option(min=1, help="Number of shards that clips are spread over.")] = 1,
):
    """Write the clip table: one row per clip with its video, window, box, split and digests.

    Example: densepose-cache clips --source '{"kind": "videos", "path": "my_videos"}' --out cache/mine/clips.csv
    """
    table = build_clip_table(read_source(source), data, out, shards)
    counts = table["split"].value_counts()
    if out.with_name(MISSING).is_file():
        typer.echo(f"{out.with_name(MISSING)}: lists the clips that are left out since their video is not there", err=True)
    typer.echo(f"{out}: {counts.get('train', 0)} training and {counts.get('test', 0)} test clips in {shards} shards", err=True)
