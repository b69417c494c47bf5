"""How the processes of a training come about: by torchrun or srun, or started here, one for each device of this machine."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping

import torch.multiprocessing as mp
from lightning.fabric.plugins.environments import ClusterEnvironment, LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment

from densepose_cache.core.errors import InputError
from densepose_cache.core.processes import end_with_parent

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
