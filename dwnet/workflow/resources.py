"""What jobs ask for: GPUs, threads, processes, memory, environments."""

from collections.abc import Callable
from os import getenv
from typing import Any

from ..config import DatasetConfig

CLUSTER_THREADS = 8
"""Of a device, where neither the configuration nor Snakemake's --cores says how many."""


def densepose_gpus(data: DatasetConfig) -> int:
    return int(data.densepose.backend != "precomputed" and data.densepose.device != "cpu")


def warp_gpus(data: DatasetConfig) -> int:
    return int(data.warp.engine == "torch")


def train_gpus(data: DatasetConfig) -> int:
    """GPUs of all machines."""
    return data.train.devices * data.train.nodes * (data.train.device != "cpu")


def evaluate_gpus(data: DatasetConfig) -> int:
    """GPUs of a rollout or an evaluation."""
    return int(data.evaluate.device != "cpu")


def gpus(count: Callable[[Any], int]) -> dict[str, Callable]:
    """Resources of a job on `count(wildcards)` GPUs: their number, and the partition for it where the environment names one."""

    def partition(wildcards):
        return getenv("DWNET_GPU_PARTITION") if count(wildcards) else getenv("SBATCH_PARTITION")

    return {"gpu": count} | ({"slurm_partition": partition} if getenv("DWNET_GPU_PARTITION") else {})


def growing(amount: int) -> Callable[[Any, int], int]:
    """A resource that doubles, trebles, ... with every attempt, for a job that had too little of it."""
    return lambda wildcards, attempt: amount * attempt


def warp_memory(data: DatasetConfig) -> int:
    """Megabytes of the first attempt: the engine for a GPU needs torch."""
    return 8000 if data.warp.engine == "torch" else 2000


def warp_environment(data: DatasetConfig) -> str:
    """Name of the environment of the warp grids: the engine for a GPU needs torch."""
    return "train" if data.warp.engine == "torch" else "warp"


def train_threads(data: DatasetConfig, cores: int | None) -> int:
    """Threads of all devices of a machine; where none are said, the `cores` that Snakemake was given, and on a cluster `CLUSTER_THREADS` a
    device."""
    train = data.train
    if train.threads:
        return train.threads * train.devices
    return cores or CLUSTER_THREADS * train.devices


def train_processes(data: DatasetConfig) -> int | None:
    """Processes that Slurm starts, one a GPU; None on a single machine, where the command starts its own."""
    train = data.train
    return train.devices * train.nodes if train.nodes > 1 else None
