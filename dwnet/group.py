"""The processes of a training, one a device: each computes its share of every batch, and all hold the same weights.

Gradients are averaged in one flat buffer between the backward passes and the update, so an update on n processes is that of one process
with the whole batch, up to rounding. Losses are means over equal shares, so their averages are the losses of the whole batch.
"""

import contextlib
import logging
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments import LightningEnvironment
from torch import Tensor
from torch.nn import Parameter

from densepose_cache.core.errors import InputError

from .config import TrainSettings
from .devices import FABRIC_PRECISION, pick_device, pick_precision, set_threads
from .workers import cluster_environment

for _name in ("lightning.fabric", "lightning.pytorch"):
    logging.getLogger(_name).setLevel(logging.WARNING)

FAILED = 2
"""Exit code of the processes beside the first one where a training fails; the first one says why."""


class Group:
    """All processes of a training, seen from one of them. With one process nothing is sent."""

    def __init__(self, fabric: Fabric, precision: str):
        self.fabric = fabric
        self.precision = next(name for name, theirs in FABRIC_PRECISION.items() if theirs == precision)
        """What it computes in, "fp32" or "bf16"."""
        self.rank: int = fabric.global_rank
        self.size: int = fabric.world_size
        self._words = dist.new_group(backend="gloo") if self.size > 1 else None

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    @torch.no_grad()
    def average_gradients(self, parameters: Iterable[Parameter]):
        """Set the gradients of `parameters` to their means over all processes. Those without a gradient have none in any process."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        flat = self.average(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        parts = flat.split([gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [part.view(gradient.shape) for part, gradient in zip(parts, gradients, strict=True)])

    @torch.no_grad()
    def average(self, values: Tensor) -> Tensor:
        """Mean of `values` (any shape, on the process's device) over all processes; overwrites them."""
        if self.size > 1:
            dist.all_reduce(values)
            values /= self.size
        return values

    def agree(self, stop: bool, problem: str | None) -> tuple[bool, str | None]:
        """Whether any process was told to stop, and the problem of any one that has one. Every process must ask at the same step."""
        if self.size == 1:
            return stop, problem
        flags = torch.tensor([stop, problem is not None], dtype=torch.uint8)
        dist.all_reduce(flags, dist.ReduceOp.MAX, group=self._words)
        if flags[1]:
            problem = next(found for found in self._gather(problem) if found is not None)
        return bool(flags[0]), problem

    def share(self, value: Any) -> Any:
        """`value` of the first process, in every process."""
        values = [value]
        if self.size > 1:
            dist.broadcast_object_list(values, src=0, group=self._words)
        return values[0]

    def collect(self, values: list) -> list:
        """The lists of all processes, one after the other, in every process."""
        return values if self.size == 1 else [value for found in self._gather(values) for value in found]

    def failure(self, message: str) -> BaseException:
        """What to raise where all processes end: the first one says `message`, the others keep quiet."""
        return InputError(message) if self.first else SystemExit(FAILED)

    def _gather(self, value: Any) -> list:
        found = [None] * self.size
        dist.all_gather_object(found, value, group=self._words)
        return found


@contextlib.contextmanager
def joined(settings: TrainSettings, generator: str, kept: str | None) -> Iterator[Group]:
    """Join this process to the others that were started with it; a process by itself is a group of one.

    `generator` and `kept` decide on the precision (`pick_precision`).

    Raises InputError where the device or the number of processes is not what the settings ask for.
    """
    device = pick_device(settings.device, settings.devices)
    precision = FABRIC_PRECISION[pick_precision(settings, generator, device, kept)]
    environment = cluster_environment(settings.devices, settings.nodes)
    if environment is None:
        set_threads(settings.threads, settings.devices)
        yield alone(device, precision)
        return
    processes = {"devices": settings.devices, "num_nodes": settings.nodes, "strategy": "ddp", "plugins": [environment]}
    fabric = Fabric(accelerator=device.type, precision=precision, **processes)
    fabric.launch()
    set_threads(settings.threads, settings.devices)
    yield Group(fabric, precision)
    dist.destroy_process_group()


def alone(device: torch.device, precision: str) -> Group:
    """A group of this process alone, whatever it was started by; `precision` as Lightning calls it."""
    return Group(Fabric(accelerator=device.type, devices=1, precision=precision, plugins=[LightningEnvironment()]), precision)
