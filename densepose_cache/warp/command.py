"""The verb `warp`."""

from pathlib import Path
from typing import Annotated

import typer

from ..config import WarpSettings
from ..settings import read_settings


def command(
    clips: Annotated[Path, typer.Option(help="Clip table of the shard, as `clips` writes it.")],
    iuv: Annotated[Path, typer.Option(help="Shard of IUV maps, iuv/{shard}.h5.")],
    out: Annotated[Path, typer.Option(help="Shard of warp grids to write, warps/{shard}.h5.")],
    settings: Annotated[str | None, typer.Option(help="Warp settings: JSON text, or the path of a JSON or YAML file.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes or, for lattice and torch, threads; they change no result.")] = 1,
):
    """Compute the coarse warp grids that the training samples and the evaluation of a shard's clips need.

    Example: densepose-cache warp --clips cache/mine/clips/000.csv --iuv cache/mine/iuv/000.h5 --out cache/mine/warps/000.h5 --workers 2
    """
    from .stage import warp_shard

    warp_shard(clips, iuv, out, read_settings(WarpSettings, settings), workers)
