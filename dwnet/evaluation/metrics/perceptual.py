"""Perceptual distance: weighted L1 between features of a pretrained network, the loss of Eq. 6 without its factor (section 4.2.2)."""

from collections.abc import Sequence

import torch


def perceptual(real: Sequence[torch.Tensor], generated: Sequence[torch.Tensor], weights: Sequence[float]) -> torch.Tensor:
    """(B,) float64 sum over the feature maps (B, c, h, w) of weight times mean absolute difference."""
    pairs = zip(weights, real, generated, strict=True)
    return sum(weight * (a - b).abs().mean((1, 2, 3), dtype=torch.float64) for weight, a, b in pairs)


def on_real_background(real: torch.Tensor, generated: torch.Tensor, body: torch.Tensor) -> torch.Tensor:
    """The generated body on the real frame: outside of `body` (B, H, W) bool the real pixels (B, 3, H, W) stand."""
    return torch.where(body[:, None], generated, real)
