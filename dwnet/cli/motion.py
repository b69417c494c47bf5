"""The subcommand `dwnet motion`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from densepose_cache.config import DensePoseSettings
from densepose_cache.config.base import read_settings
from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import only_writer
from densepose_cache.storage.names import output_path

from ..animation.driving import load_motion
from ..animation.extraction import Extraction
from ..animation.inputs import MOTION_SUFFIX, existing, is_motion
from ..animation.map_cache import GB, MapCache, user_folder
from ..animation.motion import Wanted
from ..animation.motion_file import write_motion
from ..animation.pace import check_rate


def command(
    driving: Annotated[str, typer.Argument(help="The motion: a video, or a folder of frames.")],
    out: Annotated[Path, typer.Option("--output", "-o", help=f"File to write; its name ends in {MOTION_SUFFIX}.")],
    driving_iuv: Annotated[
        Path | None,
        typer.Option(help="IUV maps of the video: .iuv.h5 or a folder of *_IUV.png. Default: VIDEO.iuv.h5 or VIDEO_IUV/ beside it."),
    ] = None,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Side of the square maps in pixels.")] = 256,
    fps: Annotated[float | None, typer.Option(help="Frame rate. Default: the video's own.")] = None,
    start: Annotated[float | None, typer.Option(min=0, help="Seconds into the motion at which to begin.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Seconds into the motion at which to end.")] = None,
    densepose: Annotated[str | None, typer.Option(help="Section `densepose` of the configuration: JSON text, or a file.")] = None,
    weights: Annotated[Path, typer.Option(help="Folder of weight files, for DensePose.")] = Path("weights"),
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither use nor keep IUV maps in the user's cache folder.")] = False,
    cache_size: Annotated[float, typer.Option(min=0, help="GB of IUV maps that the cache folder may hold.")] = 2.0,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where DensePose runs, unless its settings say so.")] = "auto",
):
    """Save how a video moves, without its pixels: IUV maps, boxes and times, for `dwnet animate` in place of the video.

    Example: dwnet motion dance.mp4 -o dance.motion.h5 && dwnet animate photo.jpg dance.motion.h5 -o out.mp4
    """
    output_path(out)
    if not is_motion(out):
        raise InputError(f"{out}: does not end in {MOTION_SUFFIX}; name another file with --output")
    check_rate(fps)
    maps = read_settings(DensePoseSettings, densepose)
    if maps.device == "auto":
        maps = maps.model_copy(update={"device": device})
    path = existing(driving, "driving video")
    if is_motion(path):
        raise InputError(f"{driving}: is a motion file already; give the video that it is of")
    cache = None if no_cache else MapCache(user_folder(), cache_size * GB)
    with only_writer(out):
        motion = load_motion(driving, driving_iuv, Wanted(size, fps, start, end), Extraction(maps, weights, cache))
        write_motion(out, motion, path)
    typer.echo(f"{len(motion)} frames: {out}")
