"""The subcommand `dwnet animate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from densepose_cache.core.errors import InputError

from ..animation.job import Job, Studio
from ..config import AnimateSettings
from ..pretrained import EMBEDDED
from .motion_options import CacheSize, DensePose, DrivingIuv, End, NoCache, Start, Weights, extraction


def command(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE... MOTION",
            help="Who moves: a picture, or several of the same person; or clips of the cache as cache/DATASET/test.h5:CLIP (first frame). "
            "Then the motion: a video, a folder of frames, a clip of the cache or a motion file.",
        ),
    ],
    out: Annotated[Path, typer.Option("--output", "-o", help="Video to write: .mp4, .webm or .gif.")],
    model: Annotated[str, typer.Option(help="Run folder or model.safetensors. Default: the generator that ships.")] = EMBEDDED,
    source: Annotated[
        list[str] | None, typer.Option(help="Another picture of the person, like those before the motion. Repeatable.")
    ] = None,
    source_iuv: Annotated[
        list[Path] | None,
        typer.Option(
            help="IUV map of the picture: PNG or .iuv.h5; of several pictures once for each, in order. Default: PICTURE_IUV.png or "
            "PICTURE.iuv.h5 beside it."
        ),
    ] = None,
    driving_iuv: DrivingIuv = None,
    panels: Annotated[bool, typer.Option("--panels", help="Show source, pose, coarse warp and driving video beside the result.")] = False,
    size: Annotated[
        int | None, typer.Option(help="Side of the frames in pixels. Default: that of the cache or of the model's training.")
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            help="Frame rate of the result, which moves as fast. Default: the driving video's; of a folder of frames theirs, or 25."
        ),
    ] = None,
    start: Start = None,
    end: End = None,
    densepose: DensePose = None,
    weights: Weights = Path("weights"),
    no_cache: NoCache = False,
    cache_size: CacheSize = 2.0,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Where DensePose, unless its settings say so, and the generator run.")
    ] = "auto",
):
    """Animate the person of a picture with the motion of a video.

    Example: dwnet animate photo.jpg dance.mp4 -o out.mp4 --model results/fashion/runs/full. IUV maps come from files beside the picture and
    the video, else from DensePose R-CNN where its weights are, else from the small network that ships with the package. The sound of the
    video goes with it. Of several pictures, as front.jpg back.jpg dance.mp4, each shows what the others do not; the background is the
    first one's.
    """
    *pictures, driving = inputs
    if not pictures:
        raise InputError(f"{driving}: is the only input; give a picture of the person, or several, and then the motion")
    first, *further = [*pictures, *(source or [])]
    first_iuv, *further_iuv = source_iuv or [None]
    settings = AnimateSettings(size=size, fps=fps, start=start, end=end, panels=panels, device=device)
    studio = Studio(model, extraction(densepose, device, weights, no_cache, cache_size))
    motion = studio.animate(Job(first, driving, out, settings, first_iuv, driving_iuv, tuple(further), tuple(further_iuv)))
    typer.echo(f"{motion.repeats.sum()} frames{' and sound' * (motion.sound is not None)}: {out}")
