"""Pictures side by side with captions, and IUV maps in colour."""

import colorsys
import functools
from collections.abc import Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageFont

PARTS = 24
GAP = 2
"""Pixels between panels."""
INK, PAPER = (28, 36, 48), (255, 255, 255)


@functools.lru_cache(maxsize=1)
def _palette() -> np.ndarray:
    """(25, 3) float32 colours of the parts; background is white. Neighbouring part numbers get hues far apart."""
    hues = [part * 7 % PARTS / PARTS for part in range(1, PARTS + 1)]
    return np.array([(1.0, 1.0, 1.0), *(colorsys.hsv_to_rgb(hue, 0.75, 1.0) for hue in hues)], np.float32) * 255


def iuv_colours(iuv: np.ndarray) -> np.ndarray:
    """An IUV map (H, W, 3) uint8 as RGB (H, W, 3) uint8: a hue for every part, darker as U falls and paler as V grows."""
    colours = _palette()[iuv[..., 0]]
    shade = 0.55 + 0.45 * iuv[..., 1:2].astype(np.float32) / 255
    pale = 0.35 * iuv[..., 2:3].astype(np.float32) / 255
    body = shade * (colours * (1 - pale) + 255 * pale)
    return np.where(iuv[..., :1] > 0, body, 255).round().astype(np.uint8)


def caption_height(size: int) -> int:
    """Pixels above panels of side `size`; even."""
    return max(12, size // 10) // 2 * 2


def sheet_size(panels: int, size: int) -> tuple[int, int]:
    """(width, height) of a sheet of `panels` panels of side `size`; both even where `size` is."""
    width = panels * size + (panels - 1) * GAP
    return width + width % 2, size + caption_height(size)


@functools.lru_cache(maxsize=8)
def _captions(names: tuple[str, ...], size: int) -> np.ndarray:
    """The strip of captions (caption height, sheet width, 3) uint8."""
    width, _ = sheet_size(len(names), size)
    strip = Image.new("RGB", (width, caption_height(size)), PAPER)
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(size=caption_height(size) * 0.72)
    for number, name in enumerate(names):
        left = number * (size + GAP)
        draw.text((left + size / 2, caption_height(size) / 2), name, fill=INK, font=font, anchor="mm")
    return np.asarray(strip)


def sheet(panels: Mapping[str, np.ndarray]) -> np.ndarray:
    """Panels (S, S, 3) uint8 side by side, their names above, as one picture (`sheet_size`) uint8."""
    size = next(iter(panels.values())).shape[0]
    width, height = sheet_size(len(panels), size)
    picture = np.full((height, width, 3), PAPER, np.uint8)
    picture[: caption_height(size)] = _captions(tuple(panels), size)
    for number, panel in enumerate(panels.values()):
        left = number * (size + GAP)
        picture[caption_height(size) :, left : left + size] = panel
    return picture
