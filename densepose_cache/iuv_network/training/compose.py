"""Put cut-outs into pictures: any scale, turn and mirror, in front of what is there, labels with them."""

import numba as nb
import numpy as np

from ..flips import MIRRORED, TURNS_U, TURNS_V
from .people import CutOut

STRONG = 128
"""Coverage of 255 from which clothes hide what is behind."""


class Scene:
    """A picture (H, W, 3) float32 in 0..255 with its labels at half and at quarter size, (H / 2, W / 2, 3) and (H / 4, W / 4, 3) uint8."""

    def __init__(self, background: np.ndarray):
        height, width = background.shape[:2]
        self.picture = background.astype(np.float32)
        self.half = np.zeros((height // 2, width // 2, 3), np.uint8)
        self.quarter = np.zeros((height // 4, width // 4, 3), np.uint8)

    def add(self, person: CutOut, place: np.ndarray, mirrored: bool, gains: np.ndarray):
        """Draw a person; `place` (2, 3) carries pixels of the cut-out to pixels of the picture, `gains` (3,) multiply its colours."""
        back = inverse(place)
        draw_picture(
            person.rgba, back, taps(back), gains.astype(np.float32), np.float32(1), self.picture, *window(person, place, self.picture)
        )
        swap = MIRRORED if mirrored else np.arange(25, dtype=np.uint8)
        turns_u, turns_v = TURNS_U & mirrored, TURNS_V & mirrored
        for labels, step in ((self.half, 2), (self.quarter, 4)):
            draw_labels(person.rgba, person.iuv, back, step, swap, turns_u, turns_v, labels)

    def shade(self, person: CutOut, place: np.ndarray, depth: float):
        """Darken the picture by the person's outline, by `depth` in [0, 1]: a shadow."""
        back = inverse(place)
        none = np.zeros(3, np.float32)
        draw_picture(person.rgba, back, 3, none, np.float32(depth), self.picture, *window(person, place, self.picture))

    def cover(self, mask: np.ndarray, texture: np.ndarray):
        """Put `texture` (H, W, 3) in front where `mask` (H, W) is true; nobody is seen there."""
        self.picture[mask] = texture[mask]
        self.half[mask[1::2, 1::2]] = 0
        self.quarter[mask[2::4, 2::4]] = 0


def inverse(place: np.ndarray) -> np.ndarray:
    """The affine map (2, 3) that undoes `place` (2, 3), float32."""
    turn = np.linalg.inv(place[:, :2])
    return np.column_stack([turn, -turn @ place[:, 2]]).astype(np.float32)


def taps(back: np.ndarray) -> int:
    """Samples a side that a picture's pixel takes of the cut-out, so that about one pixel lies between them."""
    return int(np.clip(np.round(np.sqrt(abs(np.linalg.det(back[:, :2])))), 1, 4))


def window(person: CutOut, place: np.ndarray, picture: np.ndarray) -> tuple[int, int, int, int]:
    """Rows and columns (top, bottom, left, right) of the picture that the cut-out can reach."""
    height, width = person.iuv.shape[:2]
    corners = place[:, :2] @ np.array([[0, width, 0, width], [0, 0, height, height]]) + place[:, 2:]
    left, top = np.clip(np.floor(corners.min(1)) - 1, 0, picture.shape[1::-1]).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(1)) + 1, 0, picture.shape[1::-1]).astype(int)
    return top, bottom, left, right


@nb.njit(cache=True, fastmath=True)
def draw_picture(rgba, back, taps, gains, depth, picture, top, bottom, left, right):
    """Blend `rgba` (h, w, 4) into `picture` (H, W, 3) inside a window, `taps` x `taps` bilinear samples a pixel."""
    height, width = rgba.shape[:2]
    total = np.empty(4, np.float32)
    for y in range(top, bottom):
        for x in range(left, right):
            total[:] = 0
            for j in range(taps):
                py = y + (j + np.float32(0.5)) / taps
                for i in range(taps):
                    px = x + (i + np.float32(0.5)) / taps
                    sx = back[0, 0] * px + back[0, 1] * py + back[0, 2] - np.float32(0.5)
                    sy = back[1, 0] * px + back[1, 1] * py + back[1, 2] - np.float32(0.5)
                    if sx <= -1 or sy <= -1 or sx >= width or sy >= height:
                        continue
                    x0, y0 = int(np.floor(sx)), int(np.floor(sy))
                    fx, fy = sx - x0, sy - y0
                    for b in range(2):
                        row = y0 + b
                        if row < 0 or row >= height:
                            continue
                        wy = fy if b else 1 - fy
                        for a in range(2):
                            column = x0 + a
                            if column < 0 or column >= width:
                                continue
                            weight = wy * (fx if a else 1 - fx)
                            for k in range(4):
                                total[k] += weight * rgba[row, column, k]
            if total[3] == 0:
                continue
            scale = depth / (taps * taps)
            stay = 1 - total[3] * scale / 255
            for k in range(3):
                picture[y, x, k] = picture[y, x, k] * stay + total[k] * scale * gains[k]


@nb.njit(cache=True)
def draw_labels(rgba, iuv, back, step, swap, turns_u, turns_v, labels):
    """Nearest I, U, V at the centres of cells of `step` pixels; clothes beside the body hide what is behind them."""
    height, width = rgba.shape[:2]
    for y in range(labels.shape[0]):
        py = np.float32((y + 0.5) * step)
        for x in range(labels.shape[1]):
            px = np.float32((x + 0.5) * step)
            sx = int(np.floor(back[0, 0] * px + back[0, 1] * py + back[0, 2]))
            sy = int(np.floor(back[1, 0] * px + back[1, 1] * py + back[1, 2]))
            if sx < 0 or sy < 0 or sx >= width or sy >= height:
                continue
            part = iuv[sy, sx, 0]
            if part > 0:
                u, v = iuv[sy, sx, 1], iuv[sy, sx, 2]
                labels[y, x, 0] = swap[part]
                labels[y, x, 1] = 255 - u if turns_u[part] else u
                labels[y, x, 2] = 255 - v if turns_v[part] else v
            elif rgba[sy, sx, 3] >= STRONG:
                labels[y, x, :] = 0
