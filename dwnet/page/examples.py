"""Examples of the page: rendered people and motions, drawn when they are first needed."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from densepose_cache.core.errors import InputError
from densepose_cache.iuv import PNG_SUFFIX, write_iuv_png
from densepose_cache.iuv.side_file import write_side_file
from densepose_cache.rendered.render import RenderedClip, clip_generator
from densepose_cache.storage.atomic import folder_written_whole
from densepose_cache.video import write_video

SIZE, FRAMES, FPS = 256, 48, 16
VERSION = 1
"""Enters the name of the folder in which they are kept; bumped by hand when they change."""
EXAMPLES = {"turn": (12, "gradient", 7), "arms": (2, "gradient", 10), "walk": (6, "gradient", 13)}
"""Number and background of the person on the photo, and number of the one who moves, by the motion."""


@dataclass(frozen=True)
class Example:
    """A photo and a driving video with their exact IUV maps beside them."""

    name: str
    photo: Path
    video: Path


def examples(folder: Path, kept: Path) -> list[Example]:
    """The examples, copied to the new `folder`; drawn (seconds) where they do not lie in the folder `kept` from an earlier start."""
    if not kept.is_dir():
        try:
            with folder_written_whole(kept) as new:
                _draw_all(new)
        except InputError as error:
            print(f"{error}; the examples are drawn at every start", file=sys.stderr)
    if kept.is_dir():
        shutil.copytree(kept, folder)
    else:
        folder.mkdir()
        _draw_all(folder)
    return [Example(name, folder / f"{name}-photo.jpg", folder / f"{name}.mp4") for name in EXAMPLES]


def _draw_all(folder: Path):
    for name, (photo, background, mover) in EXAMPLES.items():
        _draw(folder, name, photo, background, mover)


def _draw(folder: Path, name: str, photo: int, background: str, mover: int):
    person = RenderedClip(_chance(photo), size=SIZE, frames=2, fps=4, motion="walk", background=background).render(0)
    Image.fromarray(person.rgb).save(folder / f"{name}-photo.jpg", quality=92)
    write_iuv_png(folder / f"{name}-photo{PNG_SUFFIX}", person.iuv)
    clip = RenderedClip(_chance(mover), size=SIZE, frames=FRAMES, fps=FPS, motion=name, background="plain")
    maps = np.empty((FRAMES, SIZE, SIZE, 3), np.uint8)

    def frames() -> Iterator[np.ndarray]:
        for t, frame in enumerate(clip):
            maps[t] = frame.iuv
            yield frame.rgb

    write_video(folder / f"{name}.mp4", frames(), FPS)
    write_side_file(folder / f"{name}.iuv.h5", maps, maps.shape[:3])


def _chance(number: int) -> np.random.Generator:
    return clip_generator(2026, "page", number)
