"""The subcommand `dwnet animate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from densepose_cache.core.errors import InputError

from ...animation.job import Job, Studio
from ...config import AnimateSettings
from ...pretrained import EMBEDDED
from .motion_options import CacheSize, Crop, DensePose, DrivingIuv, DrivingPerson, End, NoCache, Start, Weights, extraction


def command(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURE... MOTION",
            help="Who moves: a picture, or several of the same person; or clips of the cache as cache/DATASET/test.h5:CLIP (first frame). "
            "Then the motion: a video, a folder of frames, a clip of the cache or a motion file.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="What to write: .mp4, .webm or .gif; a name without an ending, or with a / at its end, is a folder of PNGs.",
        ),
    ],
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
    paste_back: Annotated[
        Literal["auto", "on", "off"],
        typer.Option(help="Put the person back into the whole photo, at its size. auto: where it is larger than the frames, or no square."),
    ] = "auto",
    longest_side: Annotated[
        int, typer.Option(min=32, help="Pixels on the longer side of the whole photo; larger ones are scaled down.")
    ] = 3840,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also write NAME.compare.mp4: source, pose, coarse warp, result and driving video.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Write, in seconds, what was found instead: parts and skeletons, weak frames marked.")
    ] = False,
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
    align: Annotated[
        Literal["auto", "off"], typer.Option(help="auto: make the driving body as large as the photo's, and put it where that stands.")
    ] = "auto",
    begin_at_pose: Annotated[
        bool, typer.Option("--begin-at-pose", help="Begin where the first half of the motion is nearest to the picture's pose.")
    ] = False,
    smooth: Annotated[
        Literal["auto", "on", "off"],
        typer.Option(help="Even out the motion's maps against flicker. Default: those of the small network that ships."),
    ] = "auto",
    crop: Crop = "auto",
    person: Annotated[
        str | None,
        typer.Option(help="Who of several people on the picture: left, right, largest, a number from the left, or X,Y in pixels."),
    ] = None,
    driving_person: DrivingPerson = None,
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
    who = {"person": person, "driving_person": driving_person}
    settings = AnimateSettings(
        size=size,
        fps=fps,
        start=start,
        end=end,
        align=align,
        begin_at_pose=begin_at_pose,
        smooth=smooth,
        paste_back=paste_back,
        longest_side=longest_side,
        compare=compare,
        crop=crop,
        device=device,
        **who,
    )
    studio = Studio(model, extraction(densepose, device, weights, no_cache, cache_size))
    job = Job(first, driving, out, settings, first_iuv, driving_iuv, tuple(further), tuple(further_iuv))
    motion = studio.preview(job) if preview else studio.animate(job)
    typer.echo(f"{motion.repeats.sum()} frames{' and sound' * (motion.sound is not None)}: {out}")
