"""How much of the body photo and motion show in common, and which frame of the motion is nearest to the photo's pose."""

from typing import NamedTuple

import numpy as np

from densepose_cache.iuv import PARTS

from .segments import Body, measured

CELLS = 8
"""Cells of a part's chart along U, and along V."""
CELL_SHIFT = 5
"""Bits by which a byte of U or V becomes the number of its cell."""
PIXELS = 3
"""Pixels of a cell, at a side of 256, from which it counts as seen."""
PLACES = 2.0
"""How much a metre of mean distance between the segments' places weighs beside the share of the body that is not seen by both."""


class Look(NamedTuple):
    """What is kept of an IUV map: the frame's number in its motion, the measures of the body, and how many pixels (25, 8, 8) of each cell
    of the surface it shows."""

    number: int
    body: Body
    pixels: np.ndarray


def looked(number: int, iuv: np.ndarray) -> Look | None:
    """What is kept of the IUV map (S, S, 3) uint8 of frame `number`; None if nobody is on it."""
    body = measured(iuv)
    if body is None:
        return None
    part, u, v = iuv[iuv[..., 0] > 0].T.astype(np.int64)
    cell = (part * CELLS + (u >> CELL_SHIFT)) * CELLS + (v >> CELL_SHIFT)
    pixels = np.bincount(cell, minlength=(PARTS + 1) * CELLS * CELLS).reshape(PARTS + 1, CELLS, CELLS)
    return Look(number, body, np.where(pixels >= PIXELS * (len(iuv) / 256) ** 2, pixels, 0))


def share_seen(pixels: np.ndarray, by: np.ndarray) -> float:
    """Share of the body `pixels` (25, 8, 8) that lie on the surface which `by` shows, a cell around it included."""
    seen = np.pad(by > 0, ((0, 0), (1, 1), (1, 1)))
    near = np.any([seen[:, i : i + CELLS, j : j + CELLS] for i in range(3) for j in range(3)], axis=0)
    return float(pixels[near].sum() / max(1, pixels.sum()))


def nearest(source: Look, looks: list[Look]) -> Look:
    """The one of `looks` that shows the pose most like that of `source`: the same surface, its segments at the same places."""
    return min(looks, key=lambda look: _unlike(source, look))


def _unlike(source: Look, look: Look) -> float:
    common = (share_seen(source.pixels, look.pixels) + share_seen(look.pixels, source.pixels)) / 2
    both = np.isfinite(source.body.place[:, 0]) & np.isfinite(look.body.place[:, 0])
    if not both.any():
        return 1 - common + PLACES
    first, second = (_posed(one.body, both) for one in (source, look))
    return 1 - common + PLACES * float(np.linalg.norm(first - second, axis=1).mean())


def _posed(body: Body, segments: np.ndarray) -> np.ndarray:
    """Places (n, 2) of some segments from their middle, in metres of the mean body, wherever in the picture and however large it is."""
    places = body.place[segments]
    known = np.isfinite(body.length)
    metre = np.average(body.length[known], weights=body.trust[known] + 1e-9) if known.any() else np.inf
    return (places - places.mean(0)) / metre
