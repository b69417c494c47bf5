"""Device and number format of a detector."""

import contextlib

import torch

from ..config import DensePoseSettings

FORMATS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def choose_device(settings: DensePoseSettings) -> torch.device:
    """The device that `settings` ask for; `auto` is a GPU where there is one."""
    if settings.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(settings.device)


def choose_autocast(settings: DensePoseSettings, device: torch.device) -> torch.dtype | None:
    """The number format of the convolutions, None for float32; `auto` is float16 on a GPU: bfloat16 moves the charts eight times as far."""
    if settings.precision == "auto":
        return torch.float16 if device.type == "cuda" else None
    return FORMATS[settings.precision]


@contextlib.contextmanager
def precision(device: torch.device, autocast: torch.dtype | None):
    """Context in which the network runs in `autocast`, or in full float32 without TensorFloat-32 where that is None."""
    if autocast is not None:
        with torch.autocast(device.type, autocast):
            yield
    else:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
