"""Losses: silhouette, class-balanced parts, and U, V of the true part."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..model import PARTS, PredictedMaps

WEIGHTS = {"silhouette": 2.0, "parts": 1.0, "uv": 5.0}
UV_BEND = 0.02
"""Differences of U, V below this count by their square."""
RAREST = 4.0
"""No part weighs more than this many times the mean."""


def part_weights(shares: np.ndarray) -> Tensor:
    """Weights (24,) float32 from the parts' `shares` of the body's pixels: the inverse square root, with a mean of 1 over the body."""
    weights = 1 / np.sqrt(np.maximum(shares, 1e-6))
    weights = weights / (weights * shares).sum()
    return torch.from_numpy(np.minimum(weights, RAREST).astype(np.float32))


def true_uv(uv: Tensor, part: Tensor) -> Tensor:
    """U, V (B, 2, h, w) that `uv` (B, 48, h, w) gives to the parts `part` (B, h, w) in 1..24; any value where it is 0."""
    batch, _, height, width = uv.shape
    index = (part.long() - 1).clamp(min=0)[:, None, None].expand(-1, 1, 2, -1, -1)
    return uv.view(batch, PARTS, 2, height, width).gather(1, index)[:, 0]


def losses(maps: PredictedMaps, half: Tensor, quarter: Tensor, weights: Tensor) -> dict[str, Tensor]:
    """The three losses (scalars) by name; `half` (B, 3, H / 2, W / 2) and `quarter` (B, 3, H / 4, W / 4) uint8 are the wanted I, U, V."""
    part = half[:, 0].long()
    silhouette = F.binary_cross_entropy_with_logits(maps.silhouette, (part > 0).float())
    pixels = part > 0
    logits = maps.parts.permute(0, 2, 3, 1)[pixels]
    parts = F.cross_entropy(logits, part[pixels] - 1, weights) if len(logits) else maps.parts.sum() * 0
    mask = (quarter[:, :1] > 0).expand(-1, 2, -1, -1)
    found = true_uv(maps.uv, quarter[:, 0])[mask]
    uv = F.smooth_l1_loss(found, quarter[:, 1:][mask].float() / 255, beta=UV_BEND) if len(found) else maps.uv.sum() * 0
    return {"silhouette": silhouette, "parts": parts, "uv": uv}


def total(found: dict[str, Tensor]) -> Tensor:
    """The weighted sum of the losses."""
    return sum(WEIGHTS[name] * value for name, value in found.items())


def to_input(images: Tensor) -> Tensor:
    """uint8 images (B, 3, H, W) as the network takes them, float32, channels last in memory."""
    return ((images.float() - 127) / 128).contiguous(memory_format=torch.channels_last)
