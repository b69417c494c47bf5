"""Which driving frames are weak, and how that is said."""

from ..motion import DrivingFrame
from ..smoothing.stream import alike

LOW_SCORE = 0.8
"""The detector's score below which a frame counts as weak."""
MOST = 12
"""Spells that are listed; of more their number is said."""


def weakness(frame: DrivingFrame, before: DrivingFrame | None) -> str:
    """What is weak about a driving frame that comes after `before`; empty where nothing is."""
    if frame.held or not frame.iuv[..., 0].any():
        return "nobody found"
    if before is not None and not alike(before.iuv, frame.iuv):
        return "jump"
    if frame.people > 1:
        return f"{frame.people} people"
    return f"low score {frame.score:.2f}" if frame.score < LOW_SCORE else ""


def listed(found: list[tuple[float, float, str]]) -> str:
    """A line on the weak frames of a motion, each its second, the second of the next frame, and what is weak about it."""
    if not found:
        return "no weak frames"
    spells: list[list] = []
    for second, following, words in found:
        kind = words.rstrip(" .0123456789")
        if spells and spells[-1][3] == kind and abs(spells[-1][2] - second) < 1e-6:
            spells[-1][1:3] = second, following
        else:
            spells.append([second, second, following, kind, words])
    texts = [f"{a:.2f} s {words}" if a == b else f"{a:.2f} to {b:.2f} s {kind}" for a, b, _, kind, words in spells]
    more = f", and {len(texts) - MOST} more times" if len(texts) > MOST else ""
    return f"{len(found)} weak frame{'s' * (len(found) > 1)}: {', '.join(texts[:MOST])}{more}"
