"""Exact arithmetic on a GPU where numbers are reported, fast arithmetic where networks learn."""

from contextlib import AbstractContextManager

import torch


def exact_convolutions() -> AbstractContextManager:
    """Inside, convolutions on a GPU are deterministic and in full float32 (no TF32); nothing changes on the CPU."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)


def fast_convolutions() -> AbstractContextManager:
    """Inside, convolutions on a GPU take the fastest of their algorithms, tried for every new shape, and TF32 where they are in float32."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True)
