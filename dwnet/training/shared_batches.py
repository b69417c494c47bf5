"""Memory for batches that loader processes fill and the training process reads, a few batches deep and used over and over.

The memory is an anonymous mapping, shared by fork: nothing goes through a queue but the number of a slot, nothing is allocated for a batch,
and /dev/shm, which containers keep small, is not needed.
"""

import math
import mmap
from dataclasses import dataclass

import numpy as np
import torch

ALIGNMENT = 4096
"""Bytes: where an array may begin."""

Layout = dict[str, tuple[tuple[int, ...], np.dtype]]
"""Shape and type of every array of a batch, by name."""


class Ring:
    """`slots` batches of arrays of one layout, in memory that this process shares with all that it forks from now on."""

    def __init__(self, layout: Layout, slots: int):
        sizes = {name: math.prod(shape) * np.dtype(dtype).itemsize for name, (shape, dtype) in layout.items()}
        room = {name: -(-size // ALIGNMENT) * ALIGNMENT for name, size in sizes.items()}
        self.bytes = sum(room.values())
        """Size of a slot."""
        self._memory = mmap.mmap(-1, slots * self.bytes)
        self.slots: list[dict[str, np.ndarray]] = []
        """Arrays of every slot."""
        offset = 0
        for _ in range(slots):
            arrays = {}
            for name, (shape, dtype) in layout.items():
                arrays[name] = np.ndarray(shape, dtype, self._memory, offset)
                offset += room[name]
            self.slots.append(arrays)

    def batch(self, filled: "Filled", pin: bool) -> dict:
        """The facts of a batch and its tensors, which share the slot's memory, or with `pin` are copies in page-locked memory."""
        tensors = {name: torch.from_numpy(array) for name, array in self.slots[filled.slot].items()}
        return filled.facts | ({name: tensor.pin_memory() for name, tensor in tensors.items()} if pin else tensors)


@dataclass
class Filled:
    """Message of a loader process: the slot of the ring that now holds a batch, and what else it says of the batch."""

    slot: int
    facts: dict
