"""The processes of a training, one a device: each computes its share of every batch, and all hold the same weights.

Gradients are averaged in one flat buffer between the backward passes and the update, so an update on n processes is that of one process
with the whole batch, up to rounding. Losses are means over equal shares, so their averages are the losses of the whole batch.
"""

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments import ClusterEnvironment, LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment
from torch import Tensor
from torch.nn import Parameter

from densepose_cache.core.errors import InputError
from densepose_cache.core.processes import end_with_parent

from ..config import TrainSettings
from ..core.device import FABRIC_PRECISION, pick_device, pick_precision, set_threads

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


STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
GRACE = 10.0
"""Seconds that the other processes get to end by themselves once one has failed."""
TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def cluster_environment(devices: int, nodes: int, environ: Mapping[str, str] = os.environ) -> ClusterEnvironment | None:
    """What has started this process together with others: torchrun (or `run_workers`) or Slurm's srun; None for a process by itself.

    Raises InputError where the number of processes is not `devices` x `nodes`, and where nodes have no process to run on.
    """
    if all(name in environ for name in TORCHRUN) and int(environ["WORLD_SIZE"]) > 1:
        count, kind, way = int(environ["WORLD_SIZE"]), TorchElasticEnvironment, "torchrun --nnodes {} --nproc-per-node {}"
    elif int(environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        count, kind, way = int(environ["SLURM_STEP_NUM_TASKS"]), SLURMEnvironment, "srun --nodes {} --ntasks-per-node {}"
    else:
        return None
    way = way.format(nodes, devices)
    if count != devices * nodes:
        raise InputError(
            f"{count} processes were started, but train.devices x train.nodes is {devices} x {nodes}; start them with `{way}`, "
            "or set these keys to what was started"
        )
    if kind is SLURMEnvironment and environ.get("SLURM_NTASKS_PER_NODE") != str(devices):
        raise InputError(f"srun was not told that {devices} processes go on each node; start the training with `{way}`")
    return kind()


def needs_workers(devices: int, nodes: int) -> bool:
    """Whether this process stands alone where the settings ask for several. Raises InputError where that is on several nodes."""
    if devices * nodes == 1 or cluster_environment(devices, nodes) is not None:
        return False
    if nodes > 1:
        raise InputError(
            f"train.nodes is {nodes}, but this process was started alone; start the same command on all nodes, "
            f"`srun --nodes {nodes} --ntasks-per-node {devices} dwnet train ...` or with torchrun"
        )
    return True


def first_process(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is the first of those started together, or stands alone."""
    together = int(environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1
    return int(environ.get("RANK", environ.get("SLURM_PROCID", 0) if together else 0)) == 0


def run_workers(function: Callable, arguments: tuple, count: int):
    """Run `function(*arguments)` in `count` processes of this machine at once, each with torchrun's variables set.

    SIGTERM and SIGUSR1 are handed on. Ends as the processes end: returns, raises the first one's InputError, or SystemExit with their exit
    code. Where one dies, the others are ended, too, and an InputError says so; where this process dies, they follow.
    """
    messages = mp.get_context("spawn").SimpleQueue()
    port = LightningEnvironment().main_port
    with _handed_on() as processes:
        workers = mp.start_processes(_work, (function, arguments, count, port, messages), nprocs=count, join=False)
        processes.extend(workers.processes)
        try:
            while not workers.join(grace_period=GRACE):
                pass
        except (mp.ProcessExitedException, mp.ProcessRaisedException) as error:
            if not messages.empty():
                raise InputError(messages.get()) from None
            raise _end(error) from None
        finally:
            for process in processes:
                process.join(1)
                process.kill()
                process.join()


def _work(rank: int, function: Callable, arguments: tuple, count: int, port: int, messages):
    end_with_parent()
    values = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        function(*arguments)
    except InputError as error:
        messages.put(str(error))
        raise SystemExit(2) from None


def _end(error: mp.ProcessExitedException | mp.ProcessRaisedException) -> BaseException:
    """What to raise for the failure of a worker that gave no message."""
    if not isinstance(error, mp.ProcessExitedException):
        return error
    if error.signal_name:
        return InputError(
            f"process {error.error_index} of the training was ended by {error.signal_name}, perhaps for want of memory; "
            "start the same command again to go on from the last state"
        )
    return SystemExit(error.exit_code)


@contextlib.contextmanager
def _handed_on() -> Iterator[list]:
    """A list of processes that are sent every stop signal that this one gets."""
    processes: list = []

    def hand_on(number: int, _frame):
        for process in processes:
            if process.is_alive():
                os.kill(process.pid, number)

    before = {number: signal.signal(number, hand_on) for number in STOP_SIGNALS}
    try:
        yield processes
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
