"""The subcommand `dwnet export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ...animation.job import Job, Studio
from ...config import AnimateSettings
from ...pretrained import EMBEDDED
from .motion_options import CacheSize, DensePose, DrivingIuv, End, NoCache, Start, Weights, extraction


def command(
    out: Annotated[Path, typer.Option("--output", "-o", help="File to write.")],
    model: Annotated[str, typer.Argument(help="Run folder or model.safetensors. Default: the generator that ships.")] = EMBEDDED,
    kind: Annotated[
        Literal["onnx", "torchscript"], typer.Option("--format", help="What is written; onnx needs `pip install 'dwnet[export]'`.")
    ] = "onnx",
    size: Annotated[int | None, typer.Option(help="Side of the frames in pixels. Default: that of the model's training.")] = None,
    inputs: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="PICTURE MOTION", help="Also write what the step is given of them, to FILE with the ending .inputs.npz."),
    ] = None,
    source_iuv: Annotated[Path | None, typer.Option(help="IUV map of the picture, as for `dwnet animate`.")] = None,
    driving_iuv: DrivingIuv = None,
    start: Start = None,
    end: End = None,
    densepose: DensePose = None,
    weights: Weights = Path("weights"),
    no_cache: NoCache = False,
    cache_size: CacheSize = 2.0,
):
    """Write a generator for other programs: its step from one frame to the next, for one picture, as ONNX or TorchScript.

    Example: dwnet export -o step.onnx --inputs photo.jpg dance.mp4 && python examples/onnx_animate.py step.onnx step.inputs.npz out.mp4
    """
    from ...animation.export.write import write

    settings = AnimateSettings(size=size, start=start, end=end, device="cpu")
    studio = Studio(model, extraction(densepose, "cpu", weights, no_cache, cache_size))
    job = Job(*inputs, out, settings, source_iuv, driving_iuv) if inputs else None
    for line in write(studio, settings, kind, out, job):
        typer.echo(line)
