"""The subcommand `densepose-cache sample`."""

from pathlib import Path
from typing import Annotated

import typer

from ..rendered.write import MANIFEST, write_sample


def command(
    out: Annotated[Path, typer.Option(help="Folder to write to; it is made if it is missing.")],
    train: Annotated[int, typer.Option(help="Training clips, each a new person.")] = 16,
    test: Annotated[int, typer.Option(help="Test clips, each a person that training never sees.")] = 4,
    size: Annotated[int, typer.Option(help="Side of the square videos in pixels, even, 64 to 512.")] = 256,
    frames: Annotated[int, typer.Option(help="Frames a clip.")] = 48,
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 25,
    seed: Annotated[int, typer.Option(help="Seed of people, clothes, motions and backgrounds. Another seed gives other people.")] = 0,
    background: Annotated[str, typer.Option(help="Background of all clips: any, plain, gradient, room or white.")] = "any",
    wide: Annotated[bool, typer.Option("--wide", help="People near and far, in loose clothes, before all kinds of scenes.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that render; one per CPU by default.")] = None,
):
    """Render people in motion with exact IUV maps and keypoints: a data set without a download.

    Writes for every clip a video, `sample-train-0000.mp4`, and a side file, `sample-train-0000.iuv.h5` (datasets `iuv` (T, H, W, 3) uint8
    with the channels I, U, V, and `keypoints` (T, 17, 3) float32 with COCO x, y in pixels and visibility), and last of all `manifest.csv`:
    clip, split, video, iuv, and facts of every person. Run it again to add clips or to finish a run that was cut off: what is there is
    kept.

    Example: densepose-cache sample --out data/sample --train 400 --test 20 --size 256
    """
    manifest = write_sample(
        out, train=train, test=test, size=size, frames=frames, fps=fps, seed=seed, background=background, wide=wide, workers=workers
    )
    typer.echo(f"{out / MANIFEST}: {len(manifest)} clips")
