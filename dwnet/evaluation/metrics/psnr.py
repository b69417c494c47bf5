"""Peak signal-to-noise ratio in dB."""

import torch

FLOOR = 1 / (12 * 255**2)
"""Least mean squared error that counts: the variance of rounding to 8 bits. It bounds the ratio of equal frames at 58.9 dB."""


def psnr(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """(B,) float64 10 log10(1 / MSE) over pixels and channels, in floating point; frames (B, 3, H, W) in [0, 1]."""
    error = (real.double() - generated.double()).square().mean((1, 2, 3))
    return -10 * torch.log10(error.clamp(min=FLOOR))
