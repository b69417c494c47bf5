"""Crop, pad to a square, resize: one description for frames, IUV maps and keypoints.

Convention: pixel i covers [i, i + 1), its centre lies at i + 0.5, and a keypoint's x, y are counted in pixel centres: x = 0 is the
centre of the first pixel. A box `(left, top, right, bottom)` holds the pixels left..right-1, top..bottom-1 and may reach outside of the
frame. The box is padded to a square of side max(width, height), with the smaller half of the bars at the left or top, and resized to
`size`. Where the box is the frame and the frame is `size` x `size`, every operation is the identity, bit for bit.
"""

import functools
import json
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from .errors import InputError


@dataclass(frozen=True)
class Geometry:
    """How a frame of `width` x `height` pixels becomes a square one of `size` x `size`; `box` is (left, top, right, bottom)."""

    width: int
    height: int
    box: tuple[int, int, int, int]
    size: int

    @classmethod
    def from_box(cls, width: int, height: int, box: tuple[int, int, int, int] | None, size: int) -> "Geometry":
        """Geometry of a box in source pixels, None for the whole frame. Raises InputError if the box is empty or outside of the frame."""
        if box is None:
            return cls(width, height, (0, 0, width, height), size)
        left, top, right, bottom = (int(edge) for edge in box)
        text = f"bbox {left}-{top}-{right}-{bottom}"
        if right <= left or bottom <= top:
            raise InputError(f"{text} is empty; it must be left-top-right-bottom with left < right and top < bottom")
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise InputError(f"{text} lies outside of the frame of {width}x{height} pixels")
        return cls(width, height, (left, top, right, bottom), size)

    def to_json(self) -> str:
        """JSON text that `from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Geometry":
        """The geometry that `to_json` wrote."""
        values = json.loads(text)
        return cls(values["width"], values["height"], tuple(values["box"]), values["size"])

    @property
    def side(self) -> int:
        """Side of the padded square in source pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    @property
    def origin(self) -> tuple[int, int]:
        """Source pixel (x, y) that is the padded square's first one; negative where the square begins outside of the frame."""
        left, top, right, bottom = self.box
        return left - (self.side - (right - left)) // 2, top - (self.side - (bottom - top)) // 2

    @property
    def whole(self) -> bool:
        """Whether the box is the frame."""
        return self.box == (0, 0, self.width, self.height)

    @property
    def identity(self) -> bool:
        """Whether nothing changes."""
        return self.whole and self.width == self.height == self.size

    @property
    def inside(self) -> tuple[int, int, int, int]:
        """The part of the box that lies in the frame, (left, top, right, bottom)."""
        left, top, right, bottom = self.box
        return max(left, 0), max(top, 0), min(right, self.width), min(bottom, self.height)

    def filters(self, pad: tuple[int, int, int] = (255, 255, 255)) -> list[tuple[str, dict]]:
        """ffmpeg filters (name, options) for RGB frames: crop, pad with colour `pad`, area averages down or bicubic up."""
        left, top, right, bottom = self.inside
        x, y = self.origin
        steps = []
        if (left, top, right, bottom) != (0, 0, self.width, self.height):
            steps.append(("crop", {"w": right - left, "h": bottom - top, "x": left, "y": top, "exact": 1}))
        if (right - left, bottom - top) != (self.side, self.side):
            colour = "0x{:02x}{:02x}{:02x}".format(*pad)
            steps.append(("pad", {"w": self.side, "h": self.side, "x": left - x, "y": top - y, "color": colour}))
        if self.side != self.size:
            options = (
                {"flags": "area+accurate_rnd"} if self.side > self.size else {"flags": "bicubic+accurate_rnd", "param0": 0, "param1": 0.5}
            )
            steps.append(("scale", {"w": self.size, "h": self.size, **options}))
        return steps

    def image(self, frame: np.ndarray, pad: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
        """(size, size, 3) uint8 RGB of a frame (height, width, 3) uint8 RGB, as `filters` makes it up to rounding."""
        self._check(frame.shape[:2], "frame")
        if self.identity:
            return frame
        left, top, right, bottom = self.inside
        x, y = self.origin
        square = np.empty((self.side, self.side, 3), np.uint8)
        square[:] = pad
        square[top - y : bottom - y, left - x : right - x] = frame[top:bottom, left:right]
        if self.side == self.size:
            return square
        if self.side > self.size:
            return _shrink(square, self.size)
        return np.asarray(Image.fromarray(square).resize((self.size, self.size), Image.Resampling.BICUBIC))

    def labels(self, iuv: np.ndarray) -> np.ndarray:
        """(..., size, size, C) of IUV maps (..., height, width, C), any type: the pixel at each centre, 0 outside of the box or frame."""
        self._check(iuv.shape[-3:-1], "IUV map")
        if self.identity:
            return iuv
        left, top, right, bottom = self.inside
        centres = (2 * np.arange(self.size) + 1) * self.side // (2 * self.size)
        columns, rows = centres + self.origin[0], centres + self.origin[1]
        across = np.flatnonzero((columns >= left) & (columns < right))
        down = np.flatnonzero((rows >= top) & (rows < bottom))
        out = np.zeros((*iuv.shape[:-3], self.size, self.size, iuv.shape[-1]), iuv.dtype)
        out[..., down[:, None], across[None, :], :] = iuv[..., rows[down][:, None], columns[across][None, :], :]
        return out

    def points(self, keypoints: np.ndarray) -> np.ndarray:
        """Keypoints (..., 3) of x, y, visibility moved to the square frame, same type; the ones that fall outside become invisible (0)."""
        scale = self.size / self.side
        x, y = self.origin
        out = np.array(keypoints)
        for axis, first in enumerate((x, y)):
            out[..., axis] = keypoints[..., axis].astype(np.float64) * scale + ((0.5 - first) * scale - 0.5)
        inside = ((out[..., :2] >= -0.5) & (out[..., :2] < self.size - 0.5)).all(axis=-1)
        out[..., 2] = np.where(inside, out[..., 2], 0)
        return out

    def _check(self, shape: tuple[int, int], what: str):
        if tuple(shape) != (self.height, self.width):
            raise InputError(f"the {what} is {shape[1]}x{shape[0]} but {self.width}x{self.height} pixels are needed")


@functools.lru_cache(maxsize=4)
def _cover(side: int, size: int) -> np.ndarray:
    """(size, side) float32: the share that each of `side` pixels has in each of `size` larger ones."""
    edges = np.arange(size + 1) * (side / size)
    pixels = np.arange(side)
    shares = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.clip(shares, 0, None) * (size / side)).astype(np.float32)


def _shrink(square: np.ndarray, size: int) -> np.ndarray:
    """(size, size, 3) uint8 area averages of (side, side, 3) uint8."""
    cover = _cover(len(square), size)
    rows = np.tensordot(cover, square.astype(np.float32), axes=(1, 0))
    return np.clip(np.rint(np.einsum("rsc,ts->rtc", rows, cover, optimize=True)), 0, 255).astype(np.uint8)
