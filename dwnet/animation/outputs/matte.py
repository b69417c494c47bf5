"""Soft masks of a person before a background that is known: the body of the IUV map, and around it what differs from the background."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, maximum_filter

from densepose_cache.video.plate import MARGIN, background_plate, grown, pull_push

Mask = NDArray[np.float32]
CLOSE, OTHER = 10.0, 40.0
"""Levels of 255 by which a pixel differs from the background, up to which it is that, and from which on it is something else."""
BLUR = 1 / 320
"""Standard deviation of the Gaussian over differences and over the edges of masks, as a share of the side."""
STAYS = 1 / 128
"""How much farther than from the source's body a pixel may be from what of it is still body, as a share of the side, and belong there."""


def difference(a: np.ndarray, b: np.ndarray) -> Mask:
    """By how many levels pixels (H, W, 3) uint8 differ, the channel that differs most, (H, W) float32."""
    return np.abs(a.astype(np.int16) - b).max(axis=-1).astype(np.float32)


def ramp(values: np.ndarray, low: float, high: float) -> Mask:
    """0 up to `low`, 1 from `high` on, and a straight line between, float32."""
    return np.clip((values - low) / (high - low), 0, 1).astype(np.float32)


def surroundings(body: np.ndarray, side: float) -> Mask:
    """1 on the body (H, W) bool and near it, falling to 0 where hair and loose clothes end; `side` is that of the square, in pixels."""
    return ramp(distance_transform_edt(~body), MARGIN * side, side / 64) if body.any() else np.zeros(body.shape, np.float32)


def photo_person(photo: np.ndarray, background: np.ndarray, body: np.ndarray, side: float) -> Mask:
    """How much every pixel of `photo` (H, W, 3) uint8 belongs to its person, (H, W) in 0..1.

    `background` (H, W, 3) uint8 is what is thought to be behind. Around the `body` (H, W) bool those pixels count that are closer to the
    colours of the body's edge than to it, farther away only clear ones.
    """
    inner = ~grown(~body, max(1, round(side / 128)))
    colours = np.rint(pull_push(photo.astype(np.float32), inner if inner.any() else body)).astype(np.uint8)
    behind, own = (gaussian_filter(difference(photo, other), BLUR * side) for other in (background, colours))
    near = surroundings(body, side)
    likely = (1 + near) / 2 * behind / (behind + own + 1)
    person = np.minimum(4 * near, 1) * ramp(behind, CLOSE, OTHER) * ramp(likely, 0.3, 0.5)
    rim = max(1, round(side / 128))
    return gaussian_filter(np.maximum(maximum_filter(person, 2 * rim + 1), grown(body, rim)), BLUR * side)


class FrameMatte:
    """The person of generated frames (S, S, 3) uint8. `source` (S, S, 3) uint8 is the picture that they are generated from, `iuv` its
    map, `person` (S, S) in 0..1 who is on it, and `background` the same without anybody."""

    def __init__(self, source: np.ndarray, iuv: np.ndarray, person: Mask, background: np.ndarray):
        self._source, self._body, self._backgrounds = source, iuv[..., 0] > 0, (background, background_plate(source, iuv))
        self._size = len(source)
        self._loose = ramp(person, 0.05, 0.3) * ~self._body
        self._far = distance_transform_edt(~self._body) + STAYS * self._size

    def of(self, frame: np.ndarray, body: np.ndarray) -> Mask:
        """How much every pixel of `frame` is the person whose body is `body` (S, S) bool, (S, S) in 0..1.

        Hair and clothes that the generator left where they were in the source, though the body beside them has gone, are not.
        """
        if not body.any():
            return np.zeros(body.shape, np.float32)
        change = np.minimum(*(difference(frame, background) for background in self._backgrounds))
        same = difference(frame, self._source)
        loose = ramp(gaussian_filter(change, BLUR * self._size), CLOSE, OTHER) * surroundings(body, self._size)
        stays = body & self._body
        gone = distance_transform_edt(~stays) > self._far if stays.any() else np.ones_like(body)
        left = self._loose * gone * (1 - ramp(same / (same + change + 1), 0.5, 0.8))
        return np.maximum(loose * (1 - left), body)
