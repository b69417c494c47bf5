"""When a training is beyond saving: a loss or a gradient that is NaN or infinite, or a loss that explodes."""

import math
import statistics
from collections import deque
from collections.abc import Iterable, Mapping

WINDOW = 100
"""Values of the loss that the median is taken of."""
ENOUGH = 20
"""Values before there is a median to trust."""


class BadLoss(ArithmeticError):
    """A loss that must not be learned from; the update that it would have made was not made. The message names the values."""

    advice: str


class NotFinite(BadLoss):
    """A loss or the gradient is NaN or infinite."""

    advice = "Lower train.learning_rate, or set train.precision to fp32, and start again"


class Exploded(BadLoss):
    """The generator's loss is far above what it was."""

    advice = "Lower train.learning_rate, or raise train.explosion to go on from that state, and start again"


class LossGuard:
    """The last values of the generator's loss, and the largest that may follow: `ratio` times their median; None allows any."""

    def __init__(self, ratio: float | None, totals: Iterable[float] = ()):
        self.ratio = ratio
        self.totals: deque[float] = deque(totals, maxlen=WINDOW)

    @property
    def limit(self) -> float:
        """The largest loss that may follow; infinite as long as too few are known."""
        if self.ratio is None or len(self.totals) < ENOUGH:
            return math.inf
        return self.ratio * statistics.median(self.totals)

    def add(self, total: float):
        """Count the loss of a step."""
        self.totals.append(total)


def check(values: Mapping[str, float], limit: float):
    """Raise NotFinite if any of `values` is NaN or infinite, Exploded if `values["total"]` is above `limit`."""
    broken = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
    if broken:
        raise NotFinite(", ".join(broken))
    if values["total"] > limit:
        raise Exploded(f"total is {values['total']:.4g} and may be {limit:.4g} at most, which is train.explosion times its running median")
