"""Batches that fit into the GPU's memory."""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from .errors import InputError

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class FittingBatches:
    """Works on batches of `size`, and on smaller ones from where the GPU's memory turns out to be too small.

    `one` is the word for what a batch is made of, `advice` what to do where not even one of them fits.
    """

    def __init__(self, size: int, one: str, advice: str):
        self.size, self.one, self.advice = size, one, advice

    def run(self, work: Callable[[list], Result], items: list) -> Iterator[Result]:
        """Yield `work` of the items, in order, as many at once as fit. What `work` has done where it fails, it does again with fewer.

        Raises InputError if not even one fits.
        """
        import torch

        start = 0
        while start < len(items):
            part, reason = items[start : start + self.size], None
            try:
                result = work(part)
            except torch.OutOfMemoryError as error:
                reason = str(error).split(". ")[0]
            if reason is None:
                yield result
                start += len(part)
                continue
            if len(part) == 1:
                raise InputError(f"the GPU's memory is too small for a single {self.one} ({reason}); {self.advice}")
            self.size = len(part) // 2
            torch.cuda.empty_cache()
            _log.warning("the GPU's memory is too small for %d %ss at once (%s); going on with %d", len(part), self.one, reason, self.size)
