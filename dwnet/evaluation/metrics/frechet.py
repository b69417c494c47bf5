"""Frechet distance between two sets of features (Heusel et al. 2017, with any feature extractor).

||m1 - m2||^2 + tr C1 + tr C2 - 2 tr sqrt(C1 C2). With C1 = F1' F1 and C2 = F2' F2 the last trace is the sum of the singular values of
F1 F2': no square root of a matrix that is not symmetric, and no loss where there are fewer samples than dimensions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Gaussian:
    """Mean and scatter of feature vectors that come in batches; memory does not grow with their number."""

    count: int = 0
    mean: np.ndarray = field(default_factory=lambda: np.zeros(0))
    _rows: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))

    def add(self, features: np.ndarray):
        """Take in `features` (N, D), N >= 0."""
        features = np.asarray(features, np.float64)
        if not len(features):
            return
        mean = features.mean(0)
        if not self.count:
            self.mean, self._rows = np.zeros_like(mean), np.zeros((0, len(mean)))
        total = self.count + len(features)
        step = mean - self.mean
        between = np.sqrt(self.count * len(features) / total) * step
        self._rows = np.concatenate([self._rows, features - mean, between[None]])
        self.mean, self.count = self.mean + step * (len(features) / total), total
        if len(self._rows) > 4 * len(mean):
            self._rows = np.linalg.qr(self._rows, mode="r")

    @classmethod
    def drawn(cls, features: np.ndarray, times: np.ndarray) -> "Gaussian":
        """The Gaussian of `features` (N, D) of which each counts as often as `times` (N,) says: 0, 1, 2, ..."""
        some = times > 0
        times, features = times[some].astype(np.float64), features[some].astype(np.float64)
        mean = times @ features / times.sum()
        rows = np.sqrt(times)[:, None] * (features - mean)
        return cls(int(times.sum()), mean, np.linalg.qr(rows, mode="r") if len(rows) > len(mean) else rows)

    def factor(self) -> np.ndarray:
        """F (at most D + 1 or N rows, D) with F' F = covariance (divided by N - 1). Raises ValueError below two vectors."""
        if self.count < 2:
            raise ValueError("a covariance needs at least two feature vectors")
        rows = np.linalg.qr(self._rows, mode="r") if len(self._rows) > self._rows.shape[1] else self._rows
        return rows / np.sqrt(self.count - 1)


def frechet_distance(real: Gaussian, generated: Gaussian) -> float:
    """The distance of two sets of features, at least two vectors each."""
    first, second = real.factor(), generated.factor()
    cross = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    means = np.square(real.mean - generated.mean).sum()
    return float(max(0.0, means + np.square(first).sum() + np.square(second).sum() - 2 * cross))


def frechet_draws(
    real: np.ndarray, methods: Mapping[str, np.ndarray], clip: np.ndarray, draws: np.ndarray, advance: Callable[[], None]
) -> dict[str, np.ndarray]:
    """Distances (B,) of every method for B draws of clips, real and generated frames of the same draw compared with each other.

    `real` and each of `methods` are features (N, D) of the same frames, `clip` (N,) the number of each frame's clip, `draws` (B, K) how
    often each clip was drawn. `advance` is called after every distance. Time grows with the cube of the smaller one of N and D.
    """
    found = {method: np.empty(len(draws)) for method in methods}
    for number, counts in enumerate(draws):
        times = counts[clip]
        wanted = Gaussian.drawn(real, times)
        for method, features in methods.items():
            found[method][number] = frechet_distance(wanted, Gaussian.drawn(features, times))
            advance()
    return found
