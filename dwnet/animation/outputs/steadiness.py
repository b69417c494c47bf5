"""How steady a result is, measured while it is made, without any truth: beside it the coarse warp, what anyone can do without a network."""

import numpy as np

from dwnet.inference.trivial import coarse_warp

from .shown import Shown


class Steadiness:
    """Adds up frame after frame; keeps three."""

    def __init__(self):
        self._error = {"result": _Mean(), "coarse_warp": _Mean()}
        self._flicker = {"result": _Mean(), "coarse_warp": _Mean()}
        self._held = _Mean()
        self._before: list[dict[str, np.ndarray]] = []

    def add(self, shown: Shown):
        """Take in the next frame."""
        self._held.add(float(shown.read.held), 1)
        source, part = shown.driving.source, shown.driving.iuv(shown.number)[..., 0]
        pictures = {"result": shown.frame, "coarse_warp": coarse_warp(source, shown.driving.source_grid(shown.number))}
        now = {"part": part.reshape(-1)} | {name: picture.reshape(-1, 3).astype(np.int16) for name, picture in pictures.items()}
        if self._before:
            last, index = self._before[-1], shown.driving.previous_grid(shown.number).reshape(-1)
            pixels = np.flatnonzero((now["part"] > 0) & (last["part"][index] == now["part"]))
            for name, mean in self._error.items():
                mean.add(np.abs(now[name][pixels] - last[name][index[pixels]]).sum(dtype=np.int64), 3 * len(pixels))
        if len(self._before) == 2:
            first, middle = self._before
            pixels = np.flatnonzero(middle["part"])
            for name, mean in self._flicker.items():
                second = 2 * middle[name][pixels] - first[name][pixels] - now[name][pixels]
                mean.add(np.abs(second).sum(dtype=np.int64) / 2, 3 * len(pixels))
        self._before = [*self._before[-1:], now]

    def figures(self) -> dict:
        """`held`: share of the frames on which nobody was found and another map stands in. Then of the result and of the coarse warp, in
        levels of 0..255, null where there are too few frames: `warping_error`, the mean difference between a body pixel and the one of the
        frame before that shows the same place of the body, and `flicker`, the mean |x(t) - (x(t-1) + x(t+1)) / 2| over body pixels."""
        figures = {"warping_error": self._error, "flicker": self._flicker}
        return {"held": self._held.value} | {key: {name: mean.value for name, mean in by.items()} for key, by in figures.items()}


class _Mean:
    def __init__(self):
        self._sum, self._count = 0.0, 0

    def add(self, total: float, count: int):
        self._sum, self._count = self._sum + float(total), self._count + count

    @property
    def value(self) -> float | None:
        return round(self._sum / self._count, 4) if self._count else None
