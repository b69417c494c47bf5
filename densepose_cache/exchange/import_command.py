"""The subcommand `import-iuv`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from .importing import FORMATS, SCORE, import_iuv


def command(
    maps: Annotated[Path, typer.Argument(help="Folder of *_IUV.png, or a file that `apply_net.py dump` wrote.")],
    video: Annotated[Path, typer.Argument(help="The video, or the folder of frames, that the maps were made of.")],
    out: Annotated[Path | None, typer.Option(help="Side file to write; by default {video}.iuv.h5 beside the video or folder.")] = None,
    format: Annotated[Literal[FORMATS] | None, typer.Option(help="Format of the maps; by default it is recognised.")] = None,
    order: Annotated[
        Literal["VUI", "IUV"] | None,
        typer.Option(help="Channels of PNGs as an RGB reader sees them; VUI is what OpenCV writes. By default it is found out."),
    ] = None,
    score: Annotated[float, typer.Option(min=0, max=1, help="People in a dump below this score are passed over.")] = SCORE,
    first: Annotated[
        int | None, typer.Option(min=0, help="Number that the first frame has in the maps' names, where a video has frames without a map.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write a side file anew that exists.")] = False,
):
    """Turn IUV maps of other tools into a side file, which the pipeline reads where densepose.backend is precomputed.

    Three formats: folders of IUV PNGs (iuv-png); the same with *_INDS.png beside them, as DensePose's Caffe2 tool writes them
    (densepose-png); files of detectron2's `apply_net.py dump` (detectron2-dump), read without running anything that is pickled in them.

    Where there are several people one is followed over time. A map belongs to the frame of the same name, or to the frame with its number;
    a frame without a map or a person gets an empty map.

    Example: densepose-cache import-iuv results.pkl data/mine/train/walk.mp4
    """
    typer.echo(str(import_iuv(maps, video, out, format, order, score, first, replace)), err=True)
