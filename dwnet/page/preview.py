"""A look at what was found on the photo and on some driving frames, before the work that takes longer."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from densepose_cache.video import probe

from ..animation.animate import Report
from ..animation.job import Job, Studio
from ..config import AnimateSettings
from ..inference.panels import iuv_colours

FRAMES = 5
"""Driving frames that are shown."""
OPACITY = 0.6


class Seen(NamedTuple):
    """A picture (S, S, 3) uint8 with its IUV map over it, and what it is; `warning` says what is wrong with it, "" nothing."""

    picture: np.ndarray
    caption: str
    warning: str = ""


def look(studio: Studio, photo: Path, video: Path, settings: AnimateSettings, report: Report) -> list[Seen]:
    """The person of the photo and `FRAMES` driving frames from beginning to end, framed and fitted as for the animation. Raises
    InputError, also where nobody is found."""
    total = 1 + FRAMES
    report(0, total)
    info, start = probe(video), settings.start or 0.0
    length = max(min(settings.end or info.seconds, info.seconds) - start, 1 / max(info.fps, 1.0))
    some = settings.model_copy(update={"fps": min(FRAMES / length, info.fps or FRAMES), "smooth": "off"})
    person, motion = studio.load(Job(str(photo), str(video), "preview.mp4", some), frames=True)
    seen = [Seen(overlaid(person.image, person.iuv), "Your photo")]
    report(1, total)
    for number, driving in enumerate(motion.read()):
        warning = "nobody found" if driving.held else ""
        seen.append(Seen(overlaid(driving.frame, driving.iuv), f"{start + number / motion.fps:.1f} s", warning))
        report(len(seen), max(total, len(seen)))
    return seen


def overlaid(frame: np.ndarray, iuv: np.ndarray) -> np.ndarray:
    """A frame (S, S, 3) uint8 with its IUV map in colours over the person."""
    mixed = (1 - OPACITY) * frame + OPACITY * iuv_colours(iuv)
    return np.where(iuv[..., :1] > 0, mixed, frame).round().astype(np.uint8)
