"""Batches that fit into the GPU's memory."""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from ..errors import InputError

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class FittingBatches:
    """Works on batches of frames, and on smaller ones from where the GPU's memory turns out to be too small."""

    def __init__(self, size: int):
        self.size = size

    def run(self, work: Callable[[list], Result], frames: list) -> Iterator[Result]:
        """Yield `work` of the frames, in order, as many at once as fit. `work` must change nothing where it fails.

        Raises InputError if not even one frame fits.
        """
        import torch

        start = 0
        while start < len(frames):
            part = frames[start : start + self.size]
            try:
                result = work(part)
            except torch.OutOfMemoryError as error:
                result, reason = None, str(error).split(". ")[0]
            if result is not None:
                yield result
                start += len(part)
                continue
            if len(part) == 1:
                advice = "lower densepose.input_size, or set densepose.device: cpu"
                raise InputError(f"the GPU's memory is too small for a single frame ({reason}); {advice}")
            self.size = len(part) // 2
            torch.cuda.empty_cache()
            _log.warning("the GPU's memory is too small for %d frames at once (%s); going on with %d", len(part), reason, self.size)
