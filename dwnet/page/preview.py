"""A look at what was found on the photo and on some driving frames, before the work that takes longer."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from densepose_cache.video import probe

from ..animation.animate import Report
from ..animation.extraction import Extraction
from ..animation.motion import Wanted
from ..animation.person import load_person
from ..animation.sources import load_motion
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


def look(photo: Path, video: Path, size: int, settings: AnimateSettings, extraction: Extraction, report: Report) -> list[Seen]:
    """The photo and `FRAMES` driving frames from beginning to end. Raises InputError, also where nobody is found."""
    total = 1 + FRAMES
    report(0, total)
    person = load_person(str(photo), None, size, extraction)
    seen = [Seen(overlaid(person.image, person.iuv), "Your photo")]
    report(1, total)
    info = probe(video)
    start = settings.start or 0.0
    length = max(min(settings.end or info.seconds, info.seconds) - start, 1 / max(info.fps, 1.0))
    wanted = Wanted(size, min(FRAMES / length, info.fps or FRAMES), settings.start, settings.end, frames=True)
    motion = load_motion(str(video), None, wanted, extraction)
    for number, driving in enumerate(motion.read()):
        warning = "nobody found" if driving.held else ""
        seen.append(Seen(overlaid(driving.frame, driving.iuv), f"{start + number / motion.fps:.1f} s", warning))
        report(len(seen), max(total, len(seen)))
    return seen


def overlaid(frame: np.ndarray, iuv: np.ndarray) -> np.ndarray:
    """A frame (S, S, 3) uint8 with its IUV map in colours over the person."""
    mixed = (1 - OPACITY) * frame + OPACITY * iuv_colours(iuv)
    return np.where(iuv[..., :1] > 0, mixed, frame).round().astype(np.uint8)
