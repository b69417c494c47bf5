"""What stands in for frames on which nobody was found."""

from collections.abc import Iterable

import numpy as np

from ..core.errors import ClipError
from ..iuv.maps import ClipMaps
from .backend import FrameMap


def fill_missing(maps: Iterable[FrameMap], clip: str, length: int, size: int, policy: str, max_missing: float) -> ClipMaps:
    """The maps of all `length` frames, each a square of side `size`.

    Policy `hold` repeats the last map (at the start the first one that there is), `empty` leaves all background, `fail` refuses the clip.
    Raises ClipError that names the clip if nobody was ever found, more than the share `max_missing` of the frames is missing, or any is
    and the policy is `fail`.
    """
    iuv = np.zeros((length, size, size, 3), np.uint8)
    held, near_ties = np.zeros(length, bool), np.zeros(length, bool)
    scores, people, went_back = np.full(length, np.nan, np.float32), np.zeros(length, np.int32), False
    for time, found in enumerate(maps):
        held[time] = found.iuv is None
        scores[time], people[time], near_ties[time] = found.score, found.people, found.near_tie
        went_back |= found.went_back
        if found.iuv is not None:
            iuv[time] = found.iuv
        elif policy == "fail":
            raise ClipError(f"clip {clip}: nobody was found in frame {time}; remove the clip, or set densepose.missing to hold or empty")
    _check(clip, int(held.sum()), length, max_missing)
    if policy == "hold":
        found = np.flatnonzero(~held)
        last = found[np.maximum(np.searchsorted(found, np.arange(length), side="right") - 1, 0)]
        for time in np.flatnonzero(held):
            iuv[time] = iuv[last[time]]
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
