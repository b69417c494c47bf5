"""Exact arithmetic on a GPU where numbers are reported."""

from contextlib import AbstractContextManager

import torch


def exact_convolutions() -> AbstractContextManager:
    """Inside, convolutions on a GPU are deterministic and in full float32 (no TF32); nothing changes on the CPU."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
