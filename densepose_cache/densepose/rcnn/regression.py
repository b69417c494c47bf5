"""Boxes: what the network adds to them, and how they are cut to the frame."""

import math

import torch

LARGEST = math.log(1000 / 16)
"""A side grows to at most exp of this."""


def apply_deltas(deltas: torch.Tensor, boxes: torch.Tensor, shift: float = 1.0, growth: float = 1.0) -> torch.Tensor:
    """Boxes (..., 4) left, top, right, bottom, moved and scaled by `deltas` (..., 4) dx, dy, dw, dh, both float32.

    With centre c and side s in either direction, c' = c + (d / shift) s and s' = s exp(e / growth), where d is dx or dy and e is dw or dh;
    the exponent is at most `LARGEST` (Girshick et al., R-CNN, appendix C).
    """
    sides = boxes[..., 2:] - boxes[..., :2]
    centres = (deltas[..., :2] / shift) * sides + (boxes[..., :2] + 0.5 * sides)
    half = 0.5 * (torch.exp((deltas[..., 2:] / growth).clamp(max=LARGEST)) * sides)
    return torch.cat([centres - half, centres + half], dim=-1)


def clip_boxes(boxes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Boxes (..., 4) with what lies outside of height and width cut off."""
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack([x, y], dim=-1).flatten(-2)


def nonempty(boxes: torch.Tensor) -> torch.Tensor:
    """Which of boxes (..., 4) have an area: (...) bool."""
    return (boxes[..., 2:] > boxes[..., :2]).all(dim=-1)
