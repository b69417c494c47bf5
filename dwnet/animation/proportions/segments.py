"""How large the rigid segments of a body are on an IUV map, whatever its pose and view.

The pixels of a segment have places on the body's surface in three dimensions. The affine map from there to the picture is a turned,
projected and stretched segment; since turning keeps lengths, both of its stretches follow from it: along the bone and across it.
"""

from typing import NamedTuple

import numpy as np

from densepose_cache.warp.surface import SHIFT, surface_table


class Segment(NamedTuple):
    """A rigid segment: its DensePose parts, the direction of its bone in the rest pose, and how much it says of the body's size."""

    parts: tuple[int, int]
    bone: tuple[float, float, float]
    weight: float


SEGMENTS = (
    Segment((1, 2), (0.0, 0.0, 1.0), 4.0),  # torso
    Segment((23, 24), (0.0, 0.0, 1.0), 3.0),  # head
    Segment((7, 9), (0.09, -0.03, 1.0), 2.0),  # upper leg, right
    Segment((8, 10), (-0.09, -0.03, 1.0), 2.0),  # upper leg, left
    Segment((11, 13), (0.10, -0.08, 0.99), 2.0),  # lower leg, right
    Segment((12, 14), (-0.10, -0.08, 0.99), 2.0),  # lower leg, left
    Segment((16, 18), (0.54, -0.04, 0.84), 0.5),  # upper arm, right
    Segment((15, 17), (-0.54, -0.04, 0.84), 0.5),  # upper arm, left
    Segment((20, 22), (0.56, 0.64, 0.53), 0.5),  # lower arm, right
    Segment((19, 21), (-0.56, 0.64, 0.53), 0.5),  # lower arm, left
)
WEIGHTS = np.array([segment.weight for segment in SEGMENTS])
HEAD = (23, 24)
LOWEST = (5, 6, 11, 12, 13, 14)
"""Feet, and lower legs, whose feet DensePose may miss."""
LEAST_PIXELS = 40
"""Pixels below which a segment is not measured."""
LEAST_FIT = 0.7
"""Share of the pixels' variance that the affine map must explain; that of true maps is above 0.85."""


def _frames() -> np.ndarray:
    """(K, 3, 3) axes of the segments as columns: two across the bone, and the bone."""
    out = []
    for segment in SEGMENTS:
        bone = np.array(segment.bone) / np.linalg.norm(segment.bone)
        across = np.cross(bone, [0.0, 1.0, 0.0])
        across /= np.linalg.norm(across)
        out.append(np.stack([across, np.cross(bone, across), bone], 1))
    return np.stack(out)


FRAMES = _frames()
OF_PART = np.full(25, -1)
for _number, _segment in enumerate(SEGMENTS):
    OF_PART[list(_segment.parts)] = _number


class Body(NamedTuple):
    """What is measured on an IUV map, by segment (K,): `length` along the bone and `breadth` across it in pixels a metre of the mean body,
    NaN where they are unknown; `trust` in the length, 0 where it is unknown; `place` (K, 2), the mean x, y of its pixels, NaN without any.

    `feet` is the lowest edge of the feet and `crown` the highest of the head in pixels, NaN if they are not visible or cut off; `left`,
    `right`, `bottom` are the body's edges.
    """

    length: np.ndarray
    breadth: np.ndarray
    trust: np.ndarray
    place: np.ndarray
    feet: float
    crown: float
    left: int
    right: int
    bottom: int


def measured(iuv: np.ndarray) -> Body | None:
    """What is measured on an IUV map (S, S, 3) uint8; None if nobody is on it."""
    columns = np.flatnonzero(iuv[..., 0].any(0))
    if not len(columns):
        return None
    sums = _moments(iuv)
    count = sums[:, 0, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums[:, 0, 1:] / count[:, None]
        spread = sums[:, 1:, 1:] / count[:, None, None] - mean[:, :, None] * mean[:, None, :]
        place = mean[:, 3:] + 0.5
    length, breadth, trust = (np.full(len(SEGMENTS), fill) for fill in (np.nan, np.nan, 0.0))
    for number in np.flatnonzero(count >= LEAST_PIXELS):
        found = _stretches(spread[number], FRAMES[number])
        if found:
            length[number], breadth[number], seen = found
            trust[number] = seen**4 * count[number] ** 0.25
    bottom = int(np.flatnonzero(iuv[..., 0].any(1))[-1]) + 1
    return Body(length, breadth, trust, place, _feet(iuv), _crown(iuv), int(columns[0]), int(columns[-1]) + 1, bottom)


def _moments(iuv: np.ndarray) -> np.ndarray:
    """(K, 6, 6) sums of products of 1, the place on the surface in metres, column and row, over the pixels of each segment."""
    rows, columns = np.nonzero(OF_PART[iuv[..., 0]] >= 0)
    part, u, v = iuv[rows, columns].T
    surface = surface_table()[part, u >> SHIFT, v >> SHIFT].astype(np.float64)
    values = np.column_stack([np.ones(len(rows)), surface, columns, rows])
    out = np.empty((len(SEGMENTS), 6, 6))
    for i in range(6):
        for j in range(i, 6):
            out[:, i, j] = out[:, j, i] = np.bincount(OF_PART[part], values[:, i] * values[:, j], len(SEGMENTS))
    return out


def _stretches(spread: np.ndarray, frame: np.ndarray) -> tuple[float, float, float] | None:
    """Stretch along the bone and across it, and the sine of the bone's angle to the view; None where the pixels do not tell.

    `spread` (5, 5) is the covariance of surface and picture, `frame` (3, 3) has the axes of the segment. With the axes' images a, b, c, the
    picture of a turned segment obeys (a a' + b b') / breadth² + c c' / length² = I.
    """
    surface, both, picture = spread[:3, :3], spread[3:, :3], spread[3:, 3:]
    affine = both @ np.linalg.inv(surface + 1e-4 * np.trace(surface) * np.eye(3))
    left = picture - 2 * affine @ both.T + affine @ surface @ affine.T
    if np.trace(left) > (1 - LEAST_FIT) * np.trace(picture):
        return None
    images = affine @ frame
    across, along = images[:, :2] @ images[:, :2].T, np.outer(images[:, 2], images[:, 2])
    equations = np.stack([[one[0, 0], one[1, 1], np.sqrt(2) * one[0, 1]] for one in (across, along)], 1)
    inverse = np.linalg.lstsq(equations, np.array([1.0, 1.0, 0.0]), rcond=1e-6)[0]
    if inverse.min() <= 0:
        return None
    breadth, length = 1 / np.sqrt(inverse)
    return length, breadth, min(1.0, float(np.linalg.norm(images[:, 2])) / length)


def _feet(iuv: np.ndarray) -> float:
    """The lowest edge of the feet in pixels; NaN if they are not visible, or the picture's edge cuts them off."""
    rows = np.flatnonzero(np.isin(iuv[..., 0], LOWEST).any(1))
    return float(rows[-1] + 1) if len(rows) and rows[-1] + 1 < len(iuv) else np.nan


def _crown(iuv: np.ndarray) -> float:
    """The highest edge of the head in pixels; NaN if it is not visible, or the picture's edge cuts it off."""
    rows = np.flatnonzero(np.isin(iuv[..., 0], HEAD).any(1))
    return float(rows[0]) if len(rows) and rows[0] else np.nan
