"""The subcommand `dwnet motion`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import only_writer
from densepose_cache.storage.names import output_path

from ...animation.framing.choice import Framing, PersonChoice
from ...animation.inputs import MOTION_SUFFIX, existing, is_motion
from ...animation.motion import Wanted
from ...animation.motion_file import write_motion
from ...animation.pace import check_rate
from ...animation.sources import load_motion
from .motion_options import CacheSize, Crop, DensePose, DrivingIuv, DrivingPerson, End, NoCache, Start, Weights, extraction


def command(
    driving: Annotated[str, typer.Argument(help="The motion: a video, or a folder of frames.")],
    out: Annotated[Path, typer.Option("--output", "-o", help=f"File to write; its name ends in {MOTION_SUFFIX}.")],
    driving_iuv: DrivingIuv = None,
    size: Annotated[int, typer.Option(min=32, max=2048, help="Side of the square maps in pixels.")] = 256,
    fps: Annotated[float | None, typer.Option(help="Frame rate. Default: the video's own.")] = None,
    start: Start = None,
    end: End = None,
    crop: Crop = "auto",
    driving_person: DrivingPerson = None,
    densepose: DensePose = None,
    weights: Weights = Path("weights"),
    no_cache: NoCache = False,
    cache_size: CacheSize = 2.0,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where DensePose runs, unless its settings say so.")] = "auto",
):
    """Save how a video moves, without its pixels: IUV maps, boxes and times, for `dwnet animate` in place of the video.

    Example: dwnet motion dance.mp4 -o dance.motion.h5 && dwnet animate photo.jpg dance.motion.h5 -o out.mp4
    """
    output_path(out)
    if not is_motion(out):
        raise InputError(f"{out}: does not end in {MOTION_SUFFIX}; name another file with --output")
    check_rate(fps)
    framing = Framing(crop == "auto", PersonChoice.parse(driving_person, "--driving-person"))
    maps = extraction(densepose, device, weights, no_cache, cache_size)
    path = existing(driving, "driving video")
    if is_motion(path):
        raise InputError(f"{driving}: is a motion file already; give the video that it is of")
    with only_writer(out):
        motion = load_motion(driving, driving_iuv, Wanted(size, fps, start, end, framing=framing), maps)
        write_motion(out, motion, path)
    typer.echo(f"{len(motion)} frames: {out}")
