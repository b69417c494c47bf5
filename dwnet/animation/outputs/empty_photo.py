"""The photo without its person: what is seen where the person stood and is not any more."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from densepose_cache.video.plate import MARGIN, grown, pull_push

from .matte import Mask, photo_person
from .placement import Placement, Window

WORK = 768
"""Pixels on the longer side at which the surroundings of the person are filled: what is filled is smooth."""


class EmptyPhoto(NamedTuple):
    """A photo without its person, and how much of the person every pixel of it was."""

    photo: np.ndarray
    """(H, W, 3) uint8."""
    person: Mask
    """(H, W) float32 in 0..1, 0 outside of the box."""


def empty_photo(photo: np.ndarray, iuv: np.ndarray, place: Placement) -> EmptyPhoto:
    """`photo` (H, W, 3) uint8 without the person whose IUV map (S, S, 3) uint8 lies at `place`.

    Only within the box pixels change: on the body, and around it those that look like the person and not like what surrounds it. All
    others stay what they are. A photo that is full of its person comes back as it is.
    """
    unchanged = EmptyPhoto(photo, np.zeros(photo.shape[:2], np.float32))
    body = iuv[..., 0] > 0
    window = place.window(body)
    if window is None:
        return unchanged
    side = place.pixels * len(iuv)
    around = _grown(window, round(3 * MARGIN * side), place)
    left, top, right, bottom = around
    mask = np.zeros((bottom - top, right - left), np.uint8)
    mask[window[1] - top : window[3] - top, window[0] - left : window[2] - left] = place.enlarged(body.astype(np.uint8) * 255, window)
    seen = photo[top:bottom, left:right]
    shrink = min(1.0, WORK / max(mask.shape))
    size = tuple(max(1, round(length * shrink)) for length in mask.shape[::-1])
    small, small_body = _resized(seen, size), _resized(mask, size) > 127
    found = _filled(small, small_body, shrink * side)
    if found is None:
        return unchanged
    plate, person = (_resized(each, mask.shape[::-1]) for each in found)
    share = person[..., None].astype(np.float32) / 255
    changed = np.rint(seen + share * (plate.astype(np.float32) - seen)).astype(np.uint8)
    empty = EmptyPhoto(photo.copy(), unchanged.person)
    left, top, right, bottom = _overlap(around, place.inside)
    inner = np.s_[top - around[1] : bottom - around[1], left - around[0] : right - around[0]]
    empty.photo[top:bottom, left:right] = changed[inner]
    empty.person[top:bottom, left:right] = share[inner][..., 0]
    return empty


def _filled(photo: np.ndarray, body: np.ndarray, side: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The plate (H, W, 3) uint8 and the person (H, W) uint8 of 255, found in two steps: filled from far around, then from close by."""
    known = ~grown(body, round(MARGIN * side))
    if not known.any():
        return None
    plate = np.rint(pull_push(photo.astype(np.float32), known)).astype(np.uint8)
    for _ in range(2):
        person = photo_person(photo, plate, body, side)
        known = ~grown(person > 0.1, max(1, round(side / 128)))
        if not known.any():
            return None
        plate = np.rint(pull_push(photo.astype(np.float32), known)).astype(np.uint8)
    return plate, np.rint(255 * np.minimum(1.5 * person, 1)).astype(np.uint8)


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _grown(window: Window, pixels: int, place: Placement) -> Window:
    left, top, right, bottom = window
    return max(left - pixels, 0), max(top - pixels, 0), min(right + pixels, place.width), min(bottom + pixels, place.height)


def _overlap(a: Window, b: Window) -> Window:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
