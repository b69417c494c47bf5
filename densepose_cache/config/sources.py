"""The key `source` of a data set: rendered people, folders of frames, folders of videos, lists of URLs."""

import json
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter, ValidationError

from ..core.errors import InputError
from .base import Settings, explain, read_yaml


class SampleSource(Settings):
    """Rendered people with exact IUV maps and keypoints."""

    added: ClassVar = frozenset({"wide"})
    kind: Literal["sample"]
    train: int = Field(16, ge=1)
    """Training clips, each a new person."""
    test: int = Field(4, ge=1)
    """Test clips, each a person that training never sees."""
    size: int = Field(256, ge=64, le=512)
    """Side of the rendered videos in pixels."""
    frames: int = Field(48, ge=4)
    """Frames a clip."""
    fps: int = Field(25, ge=1, le=120)
    """Frame rate of the videos."""
    seed: int = Field(0, ge=0)
    """Seed of people, clothes and motions."""
    background: Literal["any", "plain", "gradient", "room", "white"] = "any"
    """Background of all clips."""
    wide: bool = False
    """People as they come: near and far, now and then in loose or white clothes, before anything from a white studio to foliage; then
    `background` does not count. What the shipped generator learns from."""


class FramesSource(Settings):
    """Folders of frames with IUV PNGs: `{path}/**/target/*.png` and `{path}/**/dp_target/*_IUV.png`, in natural order."""

    kind: Literal["frames"]
    path: str
    """Folder that holds the clips' folders."""
    frames_folder: str = "target"
    """Name of the folder of frames inside a clip's folder."""
    iuv_folder: str = "dp_target"
    """Name of the folder of IUV PNGs inside a clip's folder."""
    fps: float = Field(25.0, gt=0, le=240)
    """Frame rate at which the frames were taken."""
    train_fraction: float = Field(0.7, gt=0, lt=1)
    """First share of every clip's frames that trains; the rest tests. Each gets a row of its own in the clip table."""
    table: str | None = None
    """Optional CSV with columns clip, split and optionally start_frame, end_frame, bbox: the rows then come from it alone."""


class VideosSource(Settings):
    """A folder of videos."""

    kind: Literal["videos"]
    path: str
    """Folder of videos (searched below, too)."""
    train: str | None = None
    """Pattern, relative to `path`, of training videos; null: train/*, or a share of all videos where there is neither train/ nor test/."""
    test: str | None = None
    """Pattern, relative to `path`, of test videos; null: test/*, or a share of all videos where there is neither train/ nor test/."""
    test_fraction: float = Field(0.2, gt=0, lt=1)
    """Share of a folder without train/ and test/ that tests; a video's name alone decides, so that others may come and go."""
    table: str | None = None
    """Optional CSV with columns clip, split, video and optionally start_frame, end_frame (or start, end), bbox, fps, width, height:
    windows and boxes cut from the videos; the rows then come from it alone. A published table with video_id and partition fits, too."""
    missing: Literal["leave_out", "fail"] = "leave_out"
    """Clips of a published table whose video is not in `path` are left out and listed in missing.csv, or stop the stage."""


class UrlsSource(Settings):
    """Videos by URL, from one list per split."""

    no_effect: ClassVar = frozenset({"parallel"})
    kind: Literal["urls"]
    train: str
    """File or URL of the list of training videos, one URL a line."""
    test: str
    """File or URL of the list of test videos."""
    parallel: int = Field(4, ge=1, le=64)
    """Downloads at a time."""


Source = Annotated[SampleSource | FramesSource | VideosSource | UrlsSource, Field(discriminator="kind")]


def read_source(text: str) -> Source:
    """The source (SampleSource, FramesSource, VideosSource, UrlsSource) that JSON text or a JSON or YAML file describes.

    Raises InputError with one line per wrong key.
    """
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"the source is not valid JSON: {error}") from None
    elif Path(text).is_file():
        value = read_yaml(Path(text))
    else:
        raise InputError(f"{text}: no such source file; give JSON text or the path of a JSON or YAML file")
    try:
        return TypeAdapter(Source).validate_json(json.dumps(value))
    except ValidationError as error:
        raise InputError(explain(error, "source")) from None
