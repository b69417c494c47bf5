"""What the networks see of an IUV map (option `model.iuv_input`): pose encoder, refine branch and discriminator alike.

`channels`   (B, 3, H, W)   I, U, V as they are, scaled x / 127.5 - 1, as in the official code
`one_hot`    (B, 27, H, W)  25 channels that are 1 on the pixels of background, part 1, ... part 24 and 0 elsewhere, then U and V, scaled
"""

import torch
from torch import Tensor

from densepose_cache.iuv import PARTS

COUNTS = {"channels": 3, "one_hot": PARTS + 3}
"""Number of channels by the option's value."""

HEAD = 23
"""First of the head's parts."""


def iuv_channels(iuv: Tensor, kind: str) -> Tensor:
    """(B, COUNTS[kind], H, W) of maps (B, 3, H, W), I, U, V scaled x / 127.5 - 1, in the same type; `kind` is a value of the option."""
    if kind == "channels":
        return iuv
    numbers = torch.arange(PARTS + 1, device=iuv.device)
    return torch.cat(((parts(iuv)[:, None] == numbers[:, None, None]).to(iuv.dtype), iuv[:, 1:]), 1)


def parts(iuv: Tensor) -> Tensor:
    """Part numbers (..., H, W), whole float32 numbers, of maps (..., 3, H, W) scaled x / 127.5 - 1; exact from bfloat16, too."""
    return ((iuv.select(-3, 0).float() + 1) * 127.5).round()
