"""The verb `densepose`."""

from pathlib import Path
from typing import Annotated

import typer

from ..config import DensePoseSettings
from ..settings import read_settings


def command(
    clips: Annotated[Path, typer.Option(help="Clip table of the shard, as `clips` writes it.")],
    frames: Annotated[Path, typer.Option(help="Shard of decoded frames, frames/{shard}.h5.")],
    out: Annotated[Path, typer.Option(help="Shard of IUV maps to write, iuv/{shard}.h5.")],
    settings: Annotated[str | None, typer.Option(help="DensePose settings: JSON text, or the path of a JSON or YAML file.")] = None,
    weights: Annotated[Path, typer.Option(help="Folder of published weight files.")] = Path("weights"),
):
    """Get an IUV map for every decoded frame of a shard: from files, or from a DensePose R-CNN.

    Example: densepose-cache densepose --clips cache/mine/clips/000.csv --frames cache/mine/frames/000.h5 --out cache/mine/iuv/000.h5
    --settings '{"backend": "precomputed"}'
    """
    from .stage import densepose_shard

    densepose_shard(clips, frames, out, read_settings(DensePoseSettings, settings), weights)
