"""Structural similarity (Wang et al. 2004)."""

import torch
from torchmetrics.functional.image import structural_similarity_index_measure

RADIUS = 5


def ssim(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """(B,) float64 structural similarity of frames (B, 3, H, W) in [0, 1], H and W above 10; the mean of the three channels.

    Gaussian window of 11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03, population variances; pixels whose window leaves the frame do
    not count.
    """
    _, full = structural_similarity_index_measure(
        generated.double(), real.double(), gaussian_kernel=True, sigma=1.5, reduction="none", data_range=1.0, return_full_image=True
    )
    return full[..., RADIUS:-RADIUS, RADIUS:-RADIUS].mean((1, 2, 3))
