"""Options that `dwnet animate` and `dwnet motion` share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from densepose_cache.config import DensePoseSettings
from densepose_cache.config.base import read_settings

from ...animation.extraction import Extraction
from ...animation.map_cache import GB, MapCache, user_folder

DrivingIuv = Annotated[
    Path | None,
    typer.Option(help="IUV maps of the video: .iuv.h5 or a folder of *_IUV.png. Default: VIDEO.iuv.h5 or VIDEO_IUV/ beside it."),
]
Start = Annotated[float | None, typer.Option(min=0, help="Seconds into the motion at which to begin.")]
End = Annotated[float | None, typer.Option(min=0, help="Seconds into the motion at which to end.")]
Crop = Annotated[
    Literal["auto", "off"],
    typer.Option(help="auto: a square around the person is cut out, one for the whole video. off: the whole picture, padded to a square."),
]
DrivingPerson = Annotated[
    str | None, typer.Option(help="Who of several people on the video: left, right, largest, a number from the left, or X,Y in pixels.")
]
DensePose = Annotated[str | None, typer.Option(help="Section `densepose` of the configuration: JSON text, or a file.")]
Weights = Annotated[Path, typer.Option(help="Folder of weight files, for DensePose.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither use nor keep IUV maps in the user's cache folder.")]
CacheSize = Annotated[float, typer.Option(min=0, help="GB of IUV maps that the cache folder may hold.")]


def extraction(
    densepose: str | None, device: str, weights: Path, no_cache: bool, cache_size: float, folder: Path | None = None
) -> Extraction:
    """How maps are found, by these options; `device` holds unless the settings name one. They are kept in `folder`, None for the user's
    cache folder. Raises InputError where the options are wrong."""
    settings = read_settings(DensePoseSettings, densepose)
    if settings.device == "auto":
        settings = settings.model_copy(update={"device": device})
    return Extraction(settings, weights, None if no_cache else MapCache(folder or user_folder(), cache_size * GB))
