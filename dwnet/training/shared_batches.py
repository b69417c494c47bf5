"""Memory for batches that loader processes fill and the training process reads, a few batches deep and used over and over.

The memory is an anonymous mapping, shared by fork: nothing goes through a queue but the number of a slot, nothing is allocated for a batch,
and /dev/shm, which containers keep small, is not needed.
"""

import math
import mmap
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor

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
        RINGS[id(self)] = self

    def tensors(self, slot: int) -> dict[str, Tensor]:
        """The arrays of a slot as tensors that share its memory."""
        return {name: torch.from_numpy(array) for name, array in self.slots[slot].items()}


RINGS: "WeakValueDictionary[int, Ring]" = WeakValueDictionary()
"""The rings of this process by `id`: a message from another process names one."""


@dataclass
class Filled:
    """Message of a loader process: the slot of a ring that now holds a batch, and what else it says of the batch."""

    ring: int
    slot: int
    facts: dict = field(default_factory=dict)
    pinned: dict[str, Tensor] | None = None

    def pin_memory(self) -> "Filled":
        """Copy the slot into page-locked memory; PyTorch's loader calls this in a thread of its own where it is to pin batches."""
        self.pinned = {name: tensor.pin_memory() for name, tensor in RINGS[self.ring].tensors(self.slot).items()}
        return self

    def batch(self) -> dict:
        """Tensors of the batch, page-locked or the slot's own, and the facts."""
        return {**self.facts, **(self.pinned or RINGS[self.ring].tensors(self.slot))}
