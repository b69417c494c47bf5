"""A picture with the parts of its IUV map and the skeleton over it, and a panel of it with caption, border and time line."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ...inference.panels import INK, PAPER, iuv_colours
from .skeleton import BONES, joints

GROUND = (226, 230, 235)
"""Where there are no pixels."""
OVER = 0.6
"""Share of the parts' colours in what is shown of the body."""
LEFT, RIGHT, MIDDLE = (255, 138, 0), (0, 132, 255), (70, 78, 92)
"""Colours of the person's left and right side and of what joins them."""
ALARM, CALM, AHEAD = (222, 38, 52), (126, 182, 130), (214, 218, 224)
"""Colours of weak frames, of others, and of those that are still to come."""
FINE = 2
"""The skeleton is drawn so many times as large."""


def overlaid(picture: np.ndarray | None, iuv: np.ndarray, side: int) -> Image.Image:
    """An RGB picture of side `side` pixels: `picture` (S, S, 3) uint8, or plain ground, with the parts of its map and the skeleton."""
    size = iuv.shape[0]
    body, colours = iuv[..., :1] > 0, iuv_colours(iuv).astype(np.float32)
    if picture is None:
        ground, share = np.full_like(colours, GROUND), 1.0
    else:
        ground, share = picture.astype(np.float32), OVER
    mixed = np.where(body, ground + share * (colours - ground), ground).round().astype(np.uint8)
    large = Image.fromarray(mixed).resize((side, side), Image.Resampling.BILINEAR)
    lines = _skeleton(iuv, side * FINE / size, side * FINE).reduce(FINE)
    large.paste(lines, (0, 0), lines.getchannel("A"))
    return large


def _skeleton(iuv: np.ndarray, scale: float, side: int) -> Image.Image:
    """The skeleton of a map, RGBA, `scale` times as large."""
    places = {name: (x * scale, y * scale) for name, (x, y) in joints(iuv).items()}
    shoulders = [places[name] for name in ("left_shoulder", "right_shoulder") if name in places]
    if shoulders:
        places["neck"] = tuple(np.mean(shoulders, 0))
    picture = Image.new("RGBA", (side, side), (255, 255, 255, 0))
    draw, wide = ImageDraw.Draw(picture), max(side // 128, 3)
    bones = [bone for bone in (*BONES, ("neck", "head")) if bone[0] in places and bone[1] in places]
    for width, white in ((2 * wide, True), (wide, False)):
        for a, b in bones:
            draw.line([places[a], places[b]], (255, 255, 255, 255) if white else _colour(a, b), width)
        for name, (x, y) in places.items():
            radius = width if white else width * 1.2
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], (255, 255, 255, 255) if white else _colour(name, name))
    return picture


def _colour(one: str, other: str) -> tuple[int, int, int]:
    """The colour of a bone between two joints."""
    sides = {one.split("_")[0], other.split("_")[0]}
    return LEFT if sides == {"left"} else RIGHT if sides == {"right"} else MIDDLE


class Page:
    """Two panels of side `side` with captions above and, below, a time line of `count` frames; `size` is (width, height), both even."""

    def __init__(self, side: int, count: int):
        self._side, self._count = side, count
        self._gap, self._head, self._foot = side // 32, side // 12, side // 24
        self.size = (2 * side + 3 * self._gap) // 2 * 2, (self._head + side + 2 * self._gap + self._foot) // 2 * 2
        self._font = ImageFont.load_default(size=self._head * 0.55)
        self._sheet = Image.new("RGB", self.size, PAPER)
        self._line = self._gap, self._head + side + self._gap, self.size[0] - self._gap, self._head + side + self._gap + self._foot // 2
        ImageDraw.Draw(self._sheet).rectangle(self._line, AHEAD)

    def photo(self, picture: Image.Image):
        """Show the photo on the left from now on."""
        self._sheet.paste(picture, (self._gap, self._head))
        self._caption(ImageDraw.Draw(self._sheet), 0, "photo", INK)

    def frame(self, number: int, picture: Image.Image, second: float, weak: str) -> np.ndarray:
        """The page (height, width, 3) uint8 with frame `number` of the motion on the right; `weak` says what is weak about it."""
        colour = ALARM if weak else CALM
        left, top, right, bottom = self._line
        mark = [left + (right - left) * step // self._count for step in (number, number + 1)]
        ImageDraw.Draw(self._sheet).rectangle((mark[0], top, max(mark[1] - (not weak), mark[0]), bottom), colour)
        page = self._sheet.copy()
        draw, corner = ImageDraw.Draw(page), (self._side + 2 * self._gap, self._head)
        page.paste(picture, corner)
        self._caption(draw, self._side + self._gap, f"motion  {second:.2f} s" + (f":  {weak}" if weak else ""), ALARM if weak else INK)
        if weak:
            end = corner[0] + self._side - 1, corner[1] + self._side - 1
            draw.rectangle((*corner, *end), outline=ALARM, width=max(self._side // 64, 2))
        draw.rectangle((mark[1] - 1, top - self._foot // 4, mark[1] + 1, bottom + self._foot // 4), INK)
        return np.asarray(page)

    def _caption(self, draw: ImageDraw.ImageDraw, left: int, text: str, colour: tuple[int, int, int]):
        draw.text((left + self._gap, self._head / 2), text, fill=colour, font=self._font, anchor="lm")
