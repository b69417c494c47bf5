"""How long a training is and how its learning rate falls (paper, section 4.3)."""

import math
from collections.abc import Sequence

from ..config import TrainSettings


def total_steps(settings: TrainSettings, epoch_lengths: Sequence[int]) -> int:
    """Number of batches: `settings.steps`, or what `settings.epochs` passes over the drawn epochs of these lengths fill."""
    if settings.steps is not None:
        return settings.steps
    samples = sum(epoch_lengths[i % len(epoch_lengths)] for i in range(settings.epochs))
    return math.ceil(samples / settings.batch)


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Rate of update `step` of 0..steps-1: constant, or in a straight line to zero, which the update after the last would have."""
    if settings.decay == "none":
        return settings.learning_rate
    return settings.learning_rate * (1 - step / steps)
