"""The scale and shift that make a driving body as large as a photo's and put it where that stands."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .segments import WEIGHTS, Body
from .similarity import Similarity

SAME_SIZE = np.log(1.03)
"""Logarithm of the scale below which two bodies are equally large."""
SAME_BUILD = np.log(1.12)
"""Logarithm of the ratio of breadth and height below which two bodies are built alike."""
ERRORS = 2.0
"""Standard errors that count for nothing: what is hardly surer than that is drawn towards a scale of 1."""
BUILD_SHARE = 0.6
"""Share of the difference in build that the widths follow: shoulders and hips as a whole, arms to the side not at all."""
LARGEST = np.log(5)
"""Logarithm of the largest scale, up or down; what needs more is no measure of bodies."""
OUTLIER = 0.15
"""Logarithm of the scale by which a segment may differ from the others at full weight."""
SAME_PLACE = 0.04
"""Share of the picture's side by which places may differ and still be the same."""
STANDING = 0.9
"""Share of the largest distance from torso to feet above which a frame shows somebody who stands."""
OFTEN = 0.25
"""Share of the frames on which feet must be visible."""


class Estimate(NamedTuple):
    """A logarithm and its standard error."""

    value: float
    error: float

    def beyond(self, bound: float) -> float:
        """The value, drawn towards 0 as far as it is unsure; 0 if that is within `bound`, or larger than bodies can differ."""
        drawn = self.value * max(0.0, 1 - (ERRORS * self.error / self.value) ** 2) if self.value else 0.0
        return drawn if bound < abs(drawn) <= LARGEST else 0.0


def fit(source: Body, driving: Sequence[Body], size: int, free: bool = False) -> tuple[Similarity, tuple[float, float]]:
    """The similarity for maps of side `size` that fits the bodies `driving` of a motion to `source`, and how far (x, y) it moves the body.

    Places that the driving body passes anyway stay as they are, and what was inside of the picture stays there, unless the fit is `free`:
    a body that needs more room is made less large. The identity where nothing is known, or all is near enough.
    """
    height = width = 1.0
    ratios = [_ratio(source, driving, kind) for kind in ("length", "breadth")]
    if all(ratios):
        length, breadth = ratios
        build = Estimate(breadth.value - length.value, float(np.hypot(breadth.error, length.error))).beyond(SAME_BUILD)
        size_alone = length.beyond(0.0 if build else SAME_SIZE)  # what is resampled anyway may be so in both ways
        height, width = np.exp(size_alone), np.exp(size_alone + BUILD_SHARE * build)
    columns = _middles(source, driving)
    rows = _ground(source, driving) or (columns and columns[1])
    if not columns:
        return Similarity(), (0.0, 0.0)
    middle_x, moved_x = _axis(*columns[0], size)
    middle_y, moved_y = _axis(*rows, size)
    left, right, bottom = _edges(driving)
    if not free:
        height, width = _between_the_sides(height, width, left, right, size)
        height, width = _below_the_top(height, width, source, driving, middle_y, middle_y + moved_y)
    across, down = middle_x + moved_x - width * middle_x, middle_y + moved_y - height * middle_y
    if free:
        return Similarity(float(width), float(height), across, down), (moved_x, moved_y)
    kept_x = _kept_inside(across, width, left, right, size) if left > 0 and right < size else across
    kept_y = min(down, size - height * bottom) if max(bottom, source.bottom) < size else down
    return Similarity(float(width), float(height), kept_x, kept_y), (moved_x + kept_x - across, moved_y + kept_y - down)


def _ratio(source: Body, driving: Sequence[Body], kind: str) -> Estimate | None:
    """How many times as large the source is as the driving body, as a logarithm; None where no segment is measured on both."""
    trust = np.stack([body.trust for body in driving])
    with np.errstate(invalid="ignore"):
        own, others = np.log(getattr(source, kind)), np.log(np.stack([getattr(body, kind) for body in driving]))
    ratio = np.array([value - _median(other, weight) for value, other, weight in zip(own, others.T, trust.T, strict=True)])
    weight = np.where(np.isfinite(ratio), WEIGHTS * source.trust * np.sqrt(trust.mean(0)), 0.0)
    if not weight.any():
        return None
    ratio = np.where(weight > 0, ratio, 0.0)
    middle, robust = _median(ratio, weight), weight
    for _ in range(10):
        robust = weight / np.maximum(1, np.abs(ratio - middle) / OUTLIER)
        middle = (robust * ratio).sum() / robust.sum()
    return Estimate(float(middle), float(np.sqrt((robust**2 * (ratio - middle) ** 2).sum()) / robust.sum()))


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    """Weighted median of the values that are known; NaN without any."""
    known = np.isfinite(values) & (weights > 0)
    if not known.any():
        return np.nan
    order = np.argsort(values[known])
    sums = np.cumsum(weights[known][order])
    return float(values[known][order][np.searchsorted(sums, sums[-1] / 2)])


Places = tuple[float, np.ndarray]
"""Where the source is on an axis, and the driving body (T,), in pixels."""


def _middles(source: Body, driving: Sequence[Body]) -> list[Places] | None:
    """Places on both axes of the segments that are visible on the photo and on most frames; None without any."""
    places = np.stack([body.place for body in driving])
    seen = np.isfinite(source.place[:, 0]) & (np.isfinite(places[..., 0]).mean(0) > 0.5)
    if not seen.any():
        return None
    places = places[np.isfinite(places[:, seen, 0]).all(1)][:, seen] if np.isfinite(places[:, seen, 0]).all(1).any() else None
    if places is None:
        return None
    weights = WEIGHTS[seen] / WEIGHTS[seen].sum()
    return [(float(weights @ source.place[seen, axis]), places[..., axis] @ weights) for axis in (0, 1)]


def _ground(source: Body, driving: Sequence[Body]) -> Places | None:
    """Where the feet are, of the frames on which somebody stands; None if they are not visible on the photo or on too few frames."""
    feet = np.array([body.feet for body in driving])
    reach = feet - np.array([body.place[0, 1] for body in driving])
    known = np.isfinite(reach)
    if np.isnan(source.feet) or known.mean() < OFTEN:
        return None
    return source.feet, feet[known & (np.where(known, reach, 0) >= STANDING * np.quantile(reach[known], 0.9))]


def _axis(source: float, driving: np.ndarray, size: int) -> tuple[float, float]:
    """The driving body's place on an axis, and how far it is moved, in whole pixels: not at all if it passes the source's place anyway."""
    middle = float(np.median(driving))
    low, high = np.quantile(driving, (0.1, 0.9)) + np.array([-1, 1]) * SAME_PLACE * size
    return middle, 0.0 if low <= source <= high else float(np.rint(source - middle))


def _edges(driving: Sequence[Body]) -> tuple[int, int, int]:
    """Left, right and bottom edge of all the bodies."""
    return min(body.left for body in driving), max(body.right for body in driving), max(body.bottom for body in driving)


def _between_the_sides(height: float, width: float, left: int, right: int, size: int) -> tuple[float, float]:
    """Height and width, less where a body that moves from `left` to `right`, inside of the picture, would leave it at the sides."""
    most = max(1.0, size / (right - left))
    return (height, width) if width <= most or left <= 0 or right >= size else (max(height * most / width, min(height, 1.0)), most)


def _below_the_top(height: float, width: float, source: Body, driving: Sequence[Body], fixed: float, place: float) -> tuple[float, float]:
    """Height and width, less where the head would leave the picture at the top that is inside on the photo and in the motion.

    Bodies grow from the row `fixed`, which comes to lie at `place`.
    """
    crowns = np.array([body.crown for body in driving if np.isfinite(body.crown)])
    if height <= 1 or np.isnan(source.crown) or not len(crowns) or (crown := np.quantile(crowns, 0.1)) >= fixed:
        return height, width
    most = max(1.0, place / (fixed - crown))
    if height <= most:
        return height, width
    most = most if np.log(most) > SAME_SIZE else 1.0
    return most, width * most / height


def _kept_inside(shift: float, scale: float, low: int, high: int, size: int) -> float:
    """The shift, less what would move a body from `low` to `high` out of the picture; one that is too wide is put in the middle."""
    least, most = -scale * low, size - scale * high
    kept = (least + most) / 2 if least > most else min(max(shift, least), most)
    return float(np.rint(kept)) if scale == 1 else kept


def room(source: Body, driving: Sequence[Body], size: int) -> np.ndarray:
    """The box (4,), left, top, right, bottom in pixels of the source's square, perhaps beyond it, that the motion needs as large as the
    source is."""
    similarity, _ = fit(source, driving, size, free=True)
    left, right, bottom = _edges(driving)
    crowns = [body.crown for body in driving if np.isfinite(body.crown)]
    return similarity.points(np.array([[left, min(crowns, default=0.0)], [right, bottom]], float)).ravel()
