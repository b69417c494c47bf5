"""`densepose-cache clips`."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    source: Annotated[str, typer.Option(help="The data set's source as JSON text, or the path of a JSON or YAML file.")],
    out: Annotated[Path, typer.Option(help="Clip table to write; the shards' tables go into the folder `clips` beside it.")],
    data: Annotated[Path, typer.Option(help="Folder that `sample` or `fetch` filled (sources sample and urls only).")] = Path("data"),
    shards: Annotated[int, typer.Option(min=1, help="Number of shards that clips are spread over.")] = 1,
):
    """Write the clip table: one row per clip with its video, window, box, split and digests.

    Example: densepose-cache clips --source '{"kind": "videos", "path": "my_videos"}' --out cache/mine/clips.csv
    """
    from ..source import read_source
    from .build import MISSING, build_clip_table

    table = build_clip_table(read_source(source), data, out, shards)
    counts = table["split"].value_counts()
    if out.with_name(MISSING).is_file():
        typer.echo(f"{out.with_name(MISSING)}: lists the clips that are left out since their video is not there", err=True)
    typer.echo(f"{out}: {counts.get('train', 0)} training and {counts.get('test', 0)} test clips in {shards} shards", err=True)
