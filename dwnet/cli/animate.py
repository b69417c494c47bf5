"""The subcommand `dwnet animate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from densepose_cache.config import DensePoseSettings
from densepose_cache.config.base import read_settings
from densepose_cache.storage.atomic import only_writer
from densepose_cache.video.writing import SILENT

from ..animation.animate import animate
from ..animation.driving import load_motion
from ..animation.extraction import Extraction
from ..animation.inputs import check_output, frame_size
from ..animation.map_cache import GB, MapCache, user_folder
from ..animation.motion import Wanted
from ..animation.pace import check_rate
from ..animation.person import load_person
from ..core.device import pick_device
from ..model.checkpoint import load_model
from ..pretrained import EMBEDDED


def command(
    source: Annotated[
        str, typer.Argument(help="Who moves: a picture, or a clip of the cache as cache/DATASET/test.h5:CLIP (first frame).")
    ],
    driving: Annotated[str, typer.Argument(help="The motion: a video, a folder of frames, a clip of the cache or a motion file.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="Video to write: .mp4, .webm or .gif.")],
    model: Annotated[str, typer.Option(help="Run folder or model.safetensors. Default: the generator that ships.")] = EMBEDDED,
    source_iuv: Annotated[
        Path | None, typer.Option(help="IUV map of the picture: PNG or .iuv.h5. Default: PICTURE_IUV.png or PICTURE.iuv.h5 beside it.")
    ] = None,
    driving_iuv: Annotated[
        Path | None,
        typer.Option(help="IUV maps of the video: .iuv.h5 or a folder of *_IUV.png. Default: VIDEO.iuv.h5 or VIDEO_IUV/ beside it."),
    ] = None,
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
    start: Annotated[float | None, typer.Option(min=0, help="Seconds into the motion at which to begin.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Seconds into the motion at which to end.")] = None,
    densepose: Annotated[str | None, typer.Option(help="Section `densepose` of the configuration: JSON text, or a file.")] = None,
    weights: Annotated[Path, typer.Option(help="Folder of weight files, for DensePose.")] = Path("weights"),
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither use nor keep IUV maps in the user's cache folder.")] = False,
    cache_size: Annotated[float, typer.Option(min=0, help="GB of IUV maps that the cache folder may hold.")] = 2.0,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Where DensePose, unless its settings say so, and the generator run.")
    ] = "auto",
):
    """Animate the person of a picture with the motion of a video.

    Example: dwnet animate photo.jpg dance.mp4 -o out.mp4 --model results/fashion/runs/full. IUV maps come from files beside the picture and
    the video, else from DensePose R-CNN where its weights are, else from the small network that ships with the package. The sound of the
    video goes with it.
    """
    check_output(out, source, driving)
    check_rate(fps)
    side = frame_size(source, driving, size)
    generator, metadata = load_model(model)
    maps = read_settings(DensePoseSettings, densepose)
    if maps.device == "auto":
        maps = maps.model_copy(update={"device": device})
    cache = None if no_cache else MapCache(user_folder(), cache_size * GB)
    size, extraction = side or metadata.get("size", 256), Extraction(maps, weights, cache)
    with only_writer(out):
        person = load_person(source, source_iuv, size, extraction)
        motion = load_motion(driving, driving_iuv, Wanted(size, fps, start, end, panels), extraction)
        count = animate(generator, person, motion, out, panels, pick_device(device))
    typer.echo(f"{count} frames{' and sound' * (motion.sound is not None and out.suffix.lower() not in SILENT)}: {out}")
