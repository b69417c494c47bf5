"""Structural similarity (Wang et al. 2004), in float64: variances are small differences of large numbers wherever a frame is flat."""

import torch

SIGMA, RADIUS = 1.5, 5
C1, C2 = 0.01**2, 0.03**2


def ssim(real: torch.Tensor, generated: torch.Tensor) -> torch.Tensor:
    """(B,) float64 structural similarity of frames (B, 3, H, W) in [0, 1], H and W above 10; the mean of the three channels.

    Gaussian window of 11 pixels and sigma 1.5, K1 = 0.01, K2 = 0.03, population variances; pixels whose window leaves the frame do
    not count.
    """
    x, y = real.double(), generated.double()
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    variance = _local_mean(x * x) - mean_x**2 + _local_mean(y * y) - mean_y**2
    covariance = _local_mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return (luminance * (2 * covariance + C2) / (variance + C2)).mean((1, 2, 3))


def _local_mean(x: torch.Tensor) -> torch.Tensor:
    """Gaussian mean around every pixel of `x` (..., H, W) whose window lies inside: (..., H - 10, W - 10)."""
    weights = torch.exp(-(torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64) ** 2) / (2 * SIGMA**2))
    weights = (weights / weights.sum()).tolist()
    height, width = x.shape[-2] - 2 * RADIUS, x.shape[-1] - 2 * RADIUS
    x = sum(weight * x[..., i : i + height, :] for i, weight in enumerate(weights))
    return sum(weight * x[..., i : i + width] for i, weight in enumerate(weights))
