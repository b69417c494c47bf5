"""What stands in for frames on which nobody was found."""

from collections.abc import Iterable

import numpy as np

from ..errors import InputError


def fill_missing(
    maps: Iterable[np.ndarray | None], clip: str, length: int, size: int, policy: str, max_missing: float
) -> tuple[np.ndarray, np.ndarray]:
    """IUV maps (T, S, S, 3) uint8 of all `length` frames, and held (T,) bool: no detection in this frame.

    Policy `hold` repeats the last map (at the start the first one that there is), `empty` leaves all background, `fail` refuses the clip.
    Raises InputError that names the clip if nobody was ever found, more than the share `max_missing` of the frames is missing, or any is
    and the policy is `fail`.
    """
    iuv = np.zeros((length, size, size, 3), np.uint8)
    held = np.zeros(length, bool)
    for time, found in enumerate(maps):
        held[time] = found is None
        if found is not None:
            iuv[time] = found
        elif policy == "fail":
            raise InputError(f"clip {clip}: nobody was found in frame {time}; remove the clip, or set densepose.missing to hold or empty")
    missing = int(held.sum())
    if missing == length:
        raise InputError(
            f"clip {clip}: nobody was found in any of its {length} frames; remove the clip, or give it a window or box with a person"
        )
    if missing > max_missing * length:
        raise InputError(
            f"clip {clip}: nobody was found in {missing} of {length} frames, more than densepose.max_missing = {max_missing:g} allows; "
            "remove the clip, choose another window, or raise densepose.max_missing"
        )
    if policy == "hold":
        found = np.flatnonzero(~held)
        last = found[np.maximum(np.searchsorted(found, np.arange(length), side="right") - 1, 0)]
        for time in np.flatnonzero(held):
            iuv[time] = iuv[last[time]]
    return iuv, held
