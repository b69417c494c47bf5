"""The preview of an animation: photo and motion with their parts and skeletons, the motion's weak frames marked."""

from pathlib import Path

import numpy as np

from densepose_cache.core.ahead import ahead
from densepose_cache.core.progress import Bar
from densepose_cache.video.sound import Sound

from ..inputs import say
from ..motion import Motion
from ..outputs.pictures import place
from ..outputs.shown import make_writer
from ..person import Person
from .drawing import Page, overlaid
from .weak import listed, weakness

SMALLEST = 384
"""Side in pixels of a panel; larger frames have panels of their own side."""
AHEAD = 8
"""Driving frames that have their maps before they are drawn."""


def preview(person: Person, motion: Motion, out: Path | str) -> Sound | None:
    """Write the video or folder `out` of the photo and of the motion, each with its parts and skeleton, and return its sound.

    It says which frames are weak: those on which nobody was found or several people were, whose score is low, or whose map jumps. Raises
    what reading the motion raises; then there is no file.
    """
    side = max(SMALLEST, motion.size)
    starts = np.concatenate([[0], np.cumsum(motion.repeats)]) / motion.fps
    path, folder, sound = place(out, motion)
    page, weak, before = Page(side, len(motion)), [], None
    page.photo(overlaid(person.image, person.iuv, side))
    with (
        Bar("preview", len(motion), unit="frames") as bar,
        make_writer(path, folder, motion.fps, page.size, sound) as video,
        ahead(motion.read(), AHEAD) as frames,
    ):
        for number, driving in enumerate(frames):
            words = weakness(driving, before)
            if words:
                weak.append((starts[number], starts[number + 1], words))
            picture = page.frame(number, overlaid(driving.frame, driving.iuv, side), starts[number], words)
            for _ in range(motion.repeats[number]):
                video.write(picture)
            before = driving
            bar.advance()
    say(path, listed(weak))
    return sound
