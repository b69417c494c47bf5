"""Choice of device, precision and threads."""

import os

import torch

from densepose_cache.errors import InputError


def pick_device(name: str) -> torch.device:
    """The device for "auto" (a GPU if there is one), "cpu" or "cuda". Raises InputError for "cuda" where there is none."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise InputError("device is `cuda`, but PyTorch finds no CUDA device here; set it to `auto` or `cpu`")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def fabric_precision(name: str, device: torch.device) -> str:
    """Lightning's name for "fp32", "bf16" (autocast) or "auto": bf16 on a GPU that has it, fp32 elsewhere."""
    if name == "auto":
        name = "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return {"fp32": "32-true", "bf16": "bf16-mixed"}[name]


def set_threads(count: int | None):
    """CPU threads of PyTorch; None takes every core that this process may use."""
    torch.set_num_threads(count or len(os.sched_getaffinity(0)))
