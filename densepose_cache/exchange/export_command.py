"""The subcommand `export-iuv`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .exporting import FORMATS, export_iuv


def command(
    source: Annotated[Path, typer.Argument(help="Index (cache/mine/test.h5), shard (cache/mine/iuv/000.h5) or side file (.iuv.h5).")],
    out: Annotated[Path, typer.Argument(help="Folder to write to; every clip gets a folder in it.")],
    format: Annotated[
        Literal[tuple(FORMATS)],
        typer.Option(help="iuv-png: *_IUV.png; densepose-png: *_INDS.png beside them; dwnet: frames in target/, maps in dp_target/."),
    ] = "iuv-png",
    order: Annotated[
        Literal["VUI", "IUV"], typer.Option(help="Channels as an RGB reader sees them; VUI is what OpenCV reads as I, U, V.")
    ] = "VUI",
    clip: Annotated[list[str] | None, typer.Option(help="Only this clip; may be given several times.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write folders of clips anew that exist.")] = False,
):
    """Write IUV maps as pictures for other tools: a folder a clip, frame000000_IUV.png and so on.

    The layout dwnet is the one of the paper's official code, with the frames beside the maps. A source of kind frames reads it back, bit
    for bit; the table clips.csv in the folder keeps splits and frame rates.

    Example: densepose-cache export-iuv cache/mine/test.h5 exported --format dwnet
    """
    found = export_iuv(source, out, format, order, clip, replace)
    typer.echo(f"{out}: {sum(each.length for each in found)} maps of {len(found)} clips", err=True)
