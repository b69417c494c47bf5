"""Choice of device, precision and threads; memory in use."""

import os
import resource
import time
from contextlib import AbstractContextManager
from pathlib import Path

import torch

from densepose_cache.core.errors import InputError

from ..config import TrainSettings


def pick_device(name: str, count: int = 1) -> torch.device:
    """The device for "auto" (a GPU if there is one), "cpu" or "cuda". Raises InputError where there are fewer than `count` GPUs."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device is `cuda`, but PyTorch finds no CUDA device here; set it to `auto` or `cpu`")
    device = torch.device("cuda" if available and name != "cpu" else "cpu")
    if device.type == "cuda" and count > torch.cuda.device_count():
        raise InputError(f"devices is {count}, but PyTorch finds {torch.cuda.device_count()} CUDA devices here; lower it")
    return device


FABRIC_PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed"}
"""Lightning's names."""


def pick_precision(settings: TrainSettings, generator: str, device: torch.device, kept: str | None = None) -> str:
    """What a training of `generator` computes in, "fp32" or "bf16" (autocast): as `settings` say, or for "auto" `kept`, that of the state
    it goes on from; else bf16 on a GPU that has it, and for `compose` in one process on a CPU whose AMX tiles make it faster, by a
    measurement."""
    if settings.precision != "auto":
        return settings.precision
    if kept:
        return kept
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    alone = settings.devices * settings.nodes == 1
    return "bf16" if generator == "compose" and alone and torch.cpu._is_amx_tile_supported() and bf16_is_faster() else "fp32"


def bf16_is_faster(tries: int = 5) -> bool:
    """Whether this CPU computes a convolution of `compose`, forward and backward, faster in bf16; takes a tenth of a second or so."""
    layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(memory_format=torch.channels_last)
    image = torch.randn(8, 64, 64, 64).contiguous(memory_format=torch.channels_last)
    seconds = {False: [], True: []}
    for _ in range(tries):
        for bf16, taken in seconds.items():
            start = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                loss = layer(image).float().square().mean()
            loss.backward()
            taken.append(time.perf_counter() - start)
    return min(seconds[True]) < min(seconds[False])


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


def exact_convolutions() -> AbstractContextManager:
    """Inside, convolutions on a GPU are deterministic and in full float32 (no TF32); nothing changes on the CPU."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def fast_convolutions() -> AbstractContextManager:
    """Inside, convolutions on a GPU take the fastest of their algorithms, tried for every new shape, and TF32 where they are in float32."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True)
