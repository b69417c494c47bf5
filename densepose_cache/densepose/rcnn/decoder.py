"""Decoder: the feature pyramid -> one map at stride 4, from which charts are pooled (Kirillov et al., Panoptic FPN, section 3.1).

It is computed where it is needed: in a window around the person of every frame. Windows are counted in cells of 32 pixels.
"""

import numpy as np
import torch
from torch import nn

from .backbone import CHANNELS

CELL = 32
"""Pixels of a window's cell: the stride of level p5."""
STRIDE = 4
"""Of the result."""
HALOS = (1, 1, 2, 3)
"""Cells around the window that the branch of each level needs, since its convolutions and interpolations look beyond: 1, 3, 9 and 21
pixels of the result."""


class ConvRelu(nn.Conv2d):
    """A 3x3 convolution, then max(0, x)."""

    def __init__(self):
        super().__init__(CHANNELS, CHANNELS, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).relu_()


class Decoder(nn.Module):
    """Four branches, each as many convolutions and doublings as bring its level to stride 4, summed and mixed."""

    def __init__(self):
        super().__init__()
        for number in range(4):
            layers = [ConvRelu()] if not number else []
            for _ in range(number):
                layers += [ConvRelu(), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)]
            self.add_module(f"p{number + 2}", nn.Sequential(*layers))
        self.predictor = nn.Conv2d(CHANNELS, CHANNELS, 1)

    def forward(self, levels: list[torch.Tensor], frames: list[int], boxes: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """Windows (N, 256, h, w) around `boxes` (N, 4), in pixels, of those `frames` (N numbers), and where they begin: (N, 2) x, y.

        `levels` are p2 to p5 (B, 256, H / s, W / s). What a window holds equals the same part of the whole map; h, w and the beginnings
        are in pixels of stride 4.
        """
        grid = np.array(levels[3].shape[:1:-1])
        first = np.clip(np.floor(boxes[:, :2] / CELL).astype(int), 0, grid - 1)
        end = np.clip(np.floor((boxes[:, 2:] + 2 * STRIDE) / CELL).astype(int) + 1, first + 1, grid)
        size = (end - first).max(axis=0)
        first = np.minimum(first, grid - size)
        total = None
        for number, (level, halo) in enumerate(zip(levels, HALOS, strict=True)):
            grown = np.minimum(size + 2 * halo, grid)
            start = np.clip(first - halo, 0, grid - grown)
            scale = 8 >> number
            branch = self.get_submodule(f"p{number + 2}")(_crop(level, frames, start * scale, grown * scale))
            part = _crop(branch, range(len(frames)), (first - start) * 8, size * 8)
            total = part if total is None else total.add_(part)
        return self.predictor(total), first * (CELL // STRIDE)


def _crop(maps: torch.Tensor, frames, start: np.ndarray, size: np.ndarray) -> torch.Tensor:
    """Windows (N, C, h, w) of the numbered `frames` of `maps` (B, C, H, W); `start` (N, 2) and `size` (2,) are x, y in pixels."""
    numbers, columns, rows = (
        torch.from_numpy(np.asarray(index, np.int64)).to(maps.device, non_blocking=True)
        for index in (list(frames), start[:, :1] + np.arange(size[0]), start[:, 1:] + np.arange(size[1]))
    )
    windows = maps.permute(0, 2, 3, 1)[numbers[:, None, None], rows[:, :, None], columns[:, None, :]]
    return windows.permute(0, 3, 1, 2)
