"""What stands in for frames on which nobody was found."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ..core.errors import ClipError
from ..iuv.maps import ClipMaps
from .backend import FrameMap


class Shown(NamedTuple):
    """What a frame gets: `iuv` (S, S, 3) uint8, and what was `found` on it; where that is nobody, the map stands in."""

    iuv: np.ndarray
    found: FrameMap


def stand_ins(maps: Iterable[FrameMap], clip: str, length: int, size: int, policy: str, max_missing: float) -> Iterator[Shown]:
    """Yield the map of each of `length` frames, squares of side `size`, in order. Frames before the first person wait for it, without maps.

    Policy `hold` repeats the last map (at the start the first one that there is), `empty` gives all background, `fail` refuses the clip.
    Raises ClipError that names the clip if nobody was ever found, more than the share `max_missing` of the frames is missing, or any is
    and the policy is `fail`.
    """
    nobody = np.zeros((size, size, 3), np.uint8)
    waiting: list[FrameMap] = []
    last, missing = None, 0
    for time, found in enumerate(maps):
        if found.iuv is None:
            missing += 1
            if policy == "fail":
                raise ClipError(
                    f"clip {clip}: nobody was found in frame {time}; remove the clip, or set densepose.missing to hold or empty"
                )
        if policy == "hold":
            last = last if found.iuv is None else found.iuv
            waiting.append(found)
            if last is not None:
                yield from (Shown(last, one) for one in waiting)
                waiting.clear()
        else:
            yield Shown(nobody if found.iuv is None else found.iuv, found)
    _check(clip, missing, length, max_missing)


def fill_missing(maps: Iterable[FrameMap], clip: str, length: int, size: int, policy: str, max_missing: float) -> ClipMaps:
    """The maps of all `length` frames, as `stand_ins` gives them, with what is known of each. Raises ClipError as it does."""
    iuv = np.zeros((length, size, size, 3), np.uint8)
    held, near_ties = np.zeros(length, bool), np.zeros(length, bool)
    scores, people, went_back = np.full(length, np.nan, np.float32), np.zeros(length, np.int32), False
    for time, (shown, found) in enumerate(stand_ins(maps, clip, length, size, policy, max_missing)):
        iuv[time], held[time] = shown, found.iuv is None
        scores[time], people[time], near_ties[time] = found.score, found.people, found.near_tie
        went_back |= found.went_back
    return ClipMaps(iuv, held, scores, people, near_ties, went_back)


def _check(clip: str, missing: int, length: int, max_missing: float):
    if missing == length:
        raise ClipError(
            f"clip {clip}: nobody was found in any of its {length} frames; take another video, or a window or box with a person"
        )
    if missing > max_missing * length:
        raise ClipError(
            f"clip {clip}: nobody was found in {missing} of {length} frames, more than densepose.max_missing = {max_missing:g} allows; "
            "remove the clip, choose another window, or raise densepose.max_missing"
        )
