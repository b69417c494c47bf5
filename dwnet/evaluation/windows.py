"""Some frames of a clip, measured together."""

from dataclasses import dataclass, field

import numpy as np
import torch

from .metrics.measure import FrameBatch, Measure
from .metrics.measures import FrechetSums

FRAMES = 16
"""Frames looked at together, fewer where the GPU has too little memory."""

Values = dict[str, dict[str, list[np.ndarray]]]
"""{method: {metric: one array of per-frame values for each batch}}; method is "model" or a baseline."""


@dataclass
class Measured:
    """What was measured on some `frames` of a clip: values of a method and metric, pooled features of a distance and method, and the
    detector's errors on the real frames."""

    frames: int
    values: list[tuple[str, str, np.ndarray]] = field(default_factory=list)
    pooled: list[tuple[str, str, np.ndarray]] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)

    def add_to(self, frechet: FrechetSums, values: Values, errors: list[float]):
        """Append it to what was measured before."""
        for method, metric, numbers in self.values:
            values.setdefault(method, {}).setdefault(metric, []).append(numbers)
        for distance, method, features in self.pooled:
            frechet.add(distance, method, features)
        errors += self.errors


def measure_frames(
    real: np.ndarray,
    others: dict[str, np.ndarray],
    body: np.ndarray,
    exact: np.ndarray | None,
    measures: list[Measure],
    device: torch.device,
) -> Measured:
    """Measure frames (B, S, S, 3) uint8 of the methods `others` on the `real` ones, whose person is on `body` (B, S, S) bool.

    `exact` are the real frames' exact joints (B, 17, 3), None where there are none.
    """
    result = Measured(len(real))
    real, body = FrameBatch.of(real, device), torch.from_numpy(body).to(device)
    batches = {method: FrameBatch.of(frames, device) for method, frames in others.items()}
    for measure in measures:
        seen = measure.observe(real)
        if measure.frechet:
            result.pooled.append((measure.frechet, "real", seen.pooled))
        if measure.detector and exact is not None:
            result.errors += measure.errors(seen, exact, body)
        for method, batch in batches.items():
            found = measure.observe(batch)
            if measure.frechet:
                result.pooled.append((measure.frechet, method, found.pooled))
            for metric, values in measure.compare(seen, found, body).items():
                result.values.append((method, metric, np.asarray(torch.as_tensor(values).cpu(), np.float64)))
    return result
