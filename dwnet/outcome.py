"""What a training step came to, read from the device when it is asked for, not before."""

import torch
from torch import Tensor

from .stability import check


class Outcome:
    """Numbers (updates, names) of a step that may still be under way, and the frames (T, B, 3, H, W) that it generates.

    The way of the numbers to the host begins at once. The frames may be overwritten by the next step.
    """

    def __init__(self, names: list[str], numbers: Tensor, frames: Tensor, limit: float):
        self.names, self.frames = names, frames
        self.limit = float(torch.tensor(limit))
        """As the device has it, in float32."""
        self._numbers = numbers.to("cpu", non_blocking=True)
        self._there = torch.cuda.Event(blocking=True) if numbers.is_cuda else None
        if self._there:
            self._there.record()

    def read(self) -> dict[str, float]:
        """Losses by their names in the log, means over frames and the whole batch.

        Raises NotFinite or Exploded for the first update that was not made because of its loss or gradient.
        """
        if self._there:
            self._there.synchronize()
        rows = [dict(zip(self.names, row, strict=True)) for row in self._numbers.tolist()]
        for row in rows:
            check(row, self.limit)
        return {name: sum(row[name] for row in rows) / len(rows) for name in self.names if name != "gradient"}
