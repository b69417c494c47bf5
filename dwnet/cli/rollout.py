"""The verb `dwnet rollout`."""

from pathlib import Path
from typing import Annotated

import typer

from densepose_cache.config.base import read_settings

from ..config import EvaluateSettings
from ..inference.rollout import rollout


def command(
    model: Annotated[str, typer.Option(help="Trained model, results/{dataset}/runs/{variant}/model.safetensors.")],
    data: Annotated[Path, typer.Option(help="Test split of the cache, cache/{dataset}/test.h5.")],
    out: Annotated[Path, typer.Option(help="rollout.h5 to write; videos go into the folder `videos` beside it.")],
    settings: Annotated[str | None, typer.Option(help="Section `evaluate` of the configuration: JSON text, or a file.")] = None,
):
    """Generate every test clip from its first frame and its driving poses, and the motion-transfer pairs of the settings.

    Every frame is generated from the one generated before it, never from a real one. The videos show source, driving pose, coarse warp,
    generated and real frames side by side.
    """
    videos = rollout(model, data, read_settings(EvaluateSettings, settings), out)
    typer.echo(f"{len(videos)} videos, {sum(video.length for video in videos)} frames: {out}, {out.parent / 'videos'}")
