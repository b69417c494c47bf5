"""How steady a video is: each frame beside the one before it."""

import torch


def preceding(before: torch.Tensor | None, now: torch.Tensor) -> torch.Tensor:
    """What comes right before each of `now` (B, ...): `before` (1, ...), then all but the last. Where that is None the first precedes
    itself."""
    return torch.cat([now[:1] if before is None else before, now[:-1]])


def warp_error(previous: torch.Tensor, frames: torch.Tensor, index: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """(B,) float64 mean absolute difference of `frames` (B, 3, S, S) in [0, 1] from the `previous` ones, moved by the grid.

    `index` (B, S, S) int64 are flat indices of previous pixels. Pixels of `seen` (B, S, S) bool count; NaN where a frame has none.
    """
    moved = previous.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, 3, -1)).view_as(frames)
    difference = (frames - moved).abs().double().mean(1)
    return (difference * seen).sum((1, 2)) / seen.sum((1, 2))


def tlp(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """(B,) tLP: |d(real, real before) - d(generated, generated before)| of perceptual distances d (B,) between consecutive frames.

    As Chu et al. 2020 define it, without their factor of 100.
    """
    return (real - generated).abs()
