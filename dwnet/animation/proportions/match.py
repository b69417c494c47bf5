"""Fit a motion to a photo: where it begins, how large its body is and where it is."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...config import AnimateSettings
from ..motion import DrivingFrame, Motion
from .fit import fit
from .similarity import Similarity
from .start import Look, looked, nearest, share_seen

SAMPLE = 24
"""Frames of a motion that are looked at, at most."""
HARDLY = 0.45
"""Share of the body a motion shows that the photo must show, too, on the best of these frames, for no warning."""


def look_at(motion: Motion) -> list[Look]:
    """What is kept of a few frames of the motion, whatever its length, that show somebody. Raises what reading the motion raises."""
    numbers = np.unique(np.linspace(0, len(motion) - 1, SAMPLE).round().astype(np.int64))
    return list(_looks(motion, numbers))


def matched(person_iuv: np.ndarray, motion: Motion, settings: AnimateSettings, looks: list[Look] | None = None) -> tuple[Motion, list[str]]:
    """The motion for the person on the IUV map (S, S, 3), and what to say of it: where it begins, what was done, what will not look good.

    `looks` are what `look_at` gives of the motion. Raises what reading the motion raises.
    """
    source, looks = looked(0, person_iuv), look_at(motion) if looks is None else looks
    if source is None or not looks:
        return motion, []
    said = []
    if settings.begin_at_pose:
        best = nearest(source, [look for look in looks if look.number <= len(motion) // 2] or looks[:1])
        seconds = (settings.start or 0) + motion.repeats[: best.number].sum() / motion.fps
        common = share_seen(best.pixels, source.pixels)
        said.append(f"begins at {seconds:.2f} seconds, nearest to the photo's pose: the photo shows {common:.0%} of the body seen there")
        motion, looks = motion.later(best.number), [look for look in looks if look.number >= best.number]
    if (most := max(share_seen(look.pixels, source.pixels) for look in looks)) < HARDLY:
        said.append(
            f"the photo shows at most {most:.0%} of the body that the motion does, and the rest is guessed; take a photo from the same side"
        )
    if settings.align == "auto":
        similarity, moved = fit(source.body, [look.body for look in looks], motion.size)
        if not similarity.identity:
            said.append(f"the driving body is {described(similarity, moved)}; --align off leaves it")
            motion = aligned(motion, similarity)
    return motion, said


def _looks(motion: Motion, numbers: np.ndarray) -> Iterator[Look]:
    """Yield what is kept of those of the frames `numbers` (n,) that show somebody."""
    for number, iuv in zip(numbers.tolist(), motion.look(numbers), strict=True):
        look = None if iuv is None else looked(number, iuv)
        if look:
            yield look


def described(similarity: Similarity, moved: tuple[float, float]) -> str:
    """What is done to a body, in words; `moved` is how far in pixels."""
    width, height, (x, y) = similarity.width, similarity.height, (round(way) for way in moved)
    if width == height:
        size = f"made {width:.2f} times as large" if width != 1 else ""
    else:
        size = f"made {height:.2f} times as high and {width:.2f} times as wide"
    return " and ".join(filter(None, [size, f"moved by {x}, {y} pixels" if (x, y) != (0, 0) else ""]))


def aligned(motion: Motion, similarity: Similarity) -> Motion:
    """The motion with its IUV maps scaled and shifted; frames stay as they are."""

    def read() -> Iterator[DrivingFrame]:
        for driving in motion.read():
            yield driving._replace(iuv=similarity.apply(driving.iuv))

    return replace(motion, read=read)
