"""Sample images of a training."""

import torch
from torch import Tensor

from .data import Batch
from .warping import warp


def sample_picture(batch: Batch, frames: Tensor, padding_mode: str) -> Tensor:
    """First sample of a batch, one row a target: source | driving IUV | coarse warp | generated | real. (3, T * H, 5 * W) uint8 on the CPU.

    `frames` (T, B, 3, H, W) are the generated ones, in [-1, 1].
    """
    source = batch.source[:1].expand(len(frames), -1, -1, -1)
    warped = warp(source, batch.source_grid[:, 0], padding_mode, "nearest")
    columns = torch.cat((source, batch.iuv[:, 0], warped, frames[:, 0], batch.real[:, 0]), dim=3)
    bytes_ = ((columns + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return torch.cat(list(bytes_), dim=1).cpu()
