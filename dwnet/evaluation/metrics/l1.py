"""Mean absolute difference of colours in [0, 1], over the frame or over the body."""

import torch


def l1(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """(B,) float64 mean over pixels and channels of |real - generated|; frames (B, 3, H, W) in [0, 1]."""
    return (real - generated).abs().double().mean((1, 2, 3))


def l1_body(real: torch.Tensor, generated: torch.Tensor, body: torch.Tensor) -> torch.Tensor:
    """(B,) float64 mean over channels and the pixels of `body` (B, H, W) bool; NaN where a frame has no body pixel."""
    difference = (real - generated).abs().double().mean(1)
    return (difference * body).sum((1, 2)) / body.sum((1, 2))
