"""Choice of device, precision and threads; memory in use."""

import os
import resource
from pathlib import Path

import torch

from densepose_cache.errors import InputError


def pick_device(name: str, count: int = 1) -> torch.device:
    """The device for "auto" (a GPU if there is one), "cpu" or "cuda". Raises InputError where there are fewer than `count` GPUs."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device is `cuda`, but PyTorch finds no CUDA device here; set it to `auto` or `cpu`")
    device = torch.device("cuda" if available and name != "cpu" else "cpu")
    if device.type == "cuda" and count > torch.cuda.device_count():
        raise InputError(f"devices is {count}, but PyTorch finds {torch.cuda.device_count()} CUDA devices here; lower it")
    return device


def fabric_precision(name: str, device: torch.device) -> str:
    """Lightning's name for "fp32", "bf16" (autocast) or "auto": bf16 on a GPU that has it, fp32 elsewhere."""
    if name == "auto":
        name = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return {"fp32": "32-true", "bf16": "bf16-mixed"}[name]


def pick_compile(name: str, device: torch.device) -> str:
    """What the setting `compile` means on `device`: none, networks or graphs. Compiles by itself only on a GPU that the compiler knows.

    Raises InputError for "graphs" without a GPU.
    """
    if name == "auto":
        return "networks" if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (7, 0) else "none"
    if name == "graphs" and device.type != "cuda":
        raise InputError("train.compile is `graphs`, which records steps of a GPU; set it to `auto`, or train on a GPU")
    return name


def set_threads(count: int | None, processes: int = 1):
    """CPU threads of PyTorch; None shares every core that this process may use evenly among `processes`."""
    torch.set_num_threads(count or max(1, len(os.sched_getaffinity(0)) // processes))


def peak_memory(device: torch.device) -> int:
    """Bytes in use at most so far: of tensors on a GPU, of the process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def free_memory(device: torch.device) -> int:
    """Bytes that are still to be had: of the GPU, or of the machine."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
