"""Some frames of a clip, measured together."""

from dataclasses import dataclass, field

import numpy as np
import torch

from .metrics.measure import FrameBatch, Measure, Observation, Steps
from .metrics.measures import FrechetSums

FRAMES = 16
"""Frames looked at together, fewer where the GPU has too little memory."""

Values = dict[str, dict[str, list[np.ndarray]]]
"""{method: {metric: one array of per-frame values for each batch}}; method is "model" or a baseline."""


Seen = list[dict[str, Observation]]
"""Of each measure with metrics of changes what it saw of every method's last frame, the real ones among them as `REAL`."""
REAL = "real"


@dataclass(frozen=True)
class Window:
    """Real frames (B, S, S, 3) uint8 of a clip, one after the other, whose person is on `body` (B, S, S) bool.

    `index` (B, S, S) are the coarse grids from the frames before, `visible` (B, S, S) bool says where they have a correspondence: nowhere
    on a clip's first frame. `exact` are exact joints (B, 17, 3), None where there are none.
    """

    frames: np.ndarray
    body: np.ndarray
    index: np.ndarray
    visible: np.ndarray
    exact: np.ndarray | None = None


@dataclass
class Measured:
    """What was measured on some `frames` of a clip: values of a method and metric, pooled features of a distance and method, the
    detector's errors on the real frames, what was `seen` last, and the frames themselves by method."""

    frames: int
    values: list[tuple[str, str, np.ndarray]] = field(default_factory=list)
    pooled: list[tuple[str, str, np.ndarray]] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    seen: Seen = field(default_factory=list)
    shown: dict[str, np.ndarray] = field(default_factory=dict)

    def add_to(self, frechet: FrechetSums, values: Values, errors: list[float]):
        """Append it to what was measured before."""
        for method, metric, numbers in self.values:
            values.setdefault(method, {}).setdefault(metric, []).append(numbers)
        for distance, method, features in self.pooled:
            frechet.add(distance, method, features)
        errors += self.errors


def measure_frames(
    window: Window, others: dict[str, np.ndarray], measures: list[Measure], device: torch.device, before: Seen | None
) -> Measured:
    """Measure frames (B, S, S, 3) uint8 of the methods `others` on the real ones of `window`.

    `before` is what was `seen` of the frames right before; None begins a clip.
    """
    result = Measured(len(window.frames), shown={REAL: window.frames} | others)
    real, body = FrameBatch.of(window.frames, device), torch.from_numpy(window.body).to(device)
    steps = Steps(torch.from_numpy(window.index.astype(np.int64)).to(device), torch.from_numpy(window.visible).to(device))
    batches = {method: FrameBatch.of(frames, device) for method, frames in others.items()}
    for number, measure in enumerate(measures):
        seen, last = measure.observe(real), before[number] if before else {}
        if measure.frechet:
            result.pooled.append((measure.frechet, REAL, seen.pooled))
        if measure.detector and window.exact is not None:
            result.errors += measure.errors(seen, window.exact, body)
        now = {REAL: measure.last(seen)} if measure.changes else {}
        if measure.of_real:
            own = changed(measure, last and (last[REAL],) * 2, seen, seen, body, steps)
            result.values += [(REAL, metric, found) for metric, found in own.items()]
        for method, batch in batches.items():
            found = measure.observe(batch)
            if measure.frechet:
                result.pooled.append((measure.frechet, method, found.pooled))
            values = measure.compare(seen, found, body)
            if measure.changes:
                values |= changed(measure, last and (last[REAL], last[method]), seen, found, body, steps)
                now[method] = measure.last(found)
            result.values += [(method, metric, numbers(found)) for metric, found in values.items()]
        result.seen.append(now)
    return result


def changed(
    measure: Measure,
    before: tuple[Observation, Observation] | None,
    real: Observation,
    found: Observation,
    body: torch.Tensor,
    steps: Steps,
) -> dict[str, np.ndarray]:
    """Values of a measure's metrics of changes; NaN on the first frame of a clip."""
    values = {metric: numbers(value) for metric, value in measure.change(before or None, real, found, body, steps).items()}
    for value in () if before else values.values():
        value[0] = np.nan
    return values


def numbers(values: torch.Tensor | np.ndarray) -> np.ndarray:
    """Values (B,) as float64 on the host."""
    return np.array(torch.as_tensor(values).cpu(), np.float64)
