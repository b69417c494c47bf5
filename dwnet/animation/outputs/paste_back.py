"""The generated person back in the whole photo: at its size, with its own pixels wherever nobody is."""

import numpy as np
from numba import njit
from PIL import Image
from scipy.ndimage import gaussian_filter

from densepose_cache.video.plate import pull_push

from ..person import Person
from .empty_photo import empty_photo
from .matte import BLUR, FrameMatte
from .placement import Placement

BORDER = 1 / 64
"""Width of the rim along which the box ends softly where the photo goes on, as a share of its side; at least three pixels of the square."""


class PasteBack:
    """The photo of `person` with what is generated of it; at most `longest` pixels on the longer side."""

    def __init__(self, person: Person, longest: int):
        height, width = person.photo.shape[:2]
        scale = min(1.0, longest / max(width, height))
        self.size = tuple(max(1, round(side * scale)) for side in (width, height))
        """(width, height) of the pictures."""
        photo = person.photo
        if scale < 1:
            photo = np.asarray(Image.fromarray(photo).resize(self.size, Image.Resampling.BOX))
        self._place = place = Placement(person.geometry, scale, *self.size)
        self._empty, stood = empty_photo(photo, person.iuv, place)
        share = place.reduced(np.rint(255 * stood).astype(np.uint8), np.zeros_like(person.iuv[..., 0])) / np.float32(255)
        self._matte = FrameMatte(person.image, person.iuv, share, place.reduced(self._empty, person.image))
        self._border = self._soft_border(len(person.iuv))
        self._shown, self._window = self._empty.copy(), None

    def picture(self, frame: np.ndarray, iuv: np.ndarray) -> np.ndarray:
        """The photo (height, width, 3) uint8 with the person of the generated `frame` (S, S, 3) uint8, who is where `iuv` (S, S, 3) uint8
        has body. It is valid until the next call."""
        if self._window:
            self._copy(self._window)
        person = self._matte.of(frame, iuv[..., 0] > 0)
        soft = gaussian_filter(person, BLUR * len(frame)) * self._border
        alpha = np.rint(255 * soft).astype(np.uint8)
        self._window = self._place.window(alpha > 0)
        if self._window:
            left, top, right, bottom = self._window
            colours = np.rint(pull_push(frame.astype(np.float32), person > 0.5)).astype(np.uint8)
            new, share = self._place.enlarged(colours, self._window), self._place.enlarged(alpha, self._window)
            _blend(self._shown[top:bottom, left:right], new, share)
        return self._shown

    def _copy(self, window):
        left, top, right, bottom = window
        self._shown[top:bottom, left:right] = self._empty[top:bottom, left:right]

    def _soft_border(self, size: int) -> np.ndarray:
        """(S, S) float32 in 0..1: 0 at those borders of the box beyond which the photo goes on."""
        place = self._place
        (left, top, right, bottom), (x, y) = place.inside, place.origin
        centres, rim = (np.arange(size) + 0.5) * place.pixels, max(3, BORDER * size) * place.pixels
        shares = [np.ones(size), np.ones(size)]
        for cut, axis, distance in zip(
            place.cut,
            (1, 0, 1, 0),
            (centres + x - left, centres + y - top, right - centres - x, bottom - centres - y),
            strict=True,
        ):
            if cut:
                shares[axis] = shares[axis] * np.clip((distance - place.pixels / 2) / rim, 0, 1)
        return (shares[0][:, None] * shares[1]).astype(np.float32)


@njit(nogil=True, cache=True)
def _blend(below, above, alpha):
    """Lay `above` (H, W, 3) over `below`, as much as `alpha` (H, W) uint8 says of 255."""
    for r in range(alpha.shape[0]):
        for c in range(alpha.shape[1]):
            share = np.int32(alpha[r, c])
            if share:
                for k in range(3):
                    old = np.int32(below[r, c, k])
                    below[r, c, k] = (255 * old + share * (np.int32(above[r, c, k]) - old) + 127) // 255
