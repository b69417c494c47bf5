"""Losses (paper, section 3.2, Eq. 4 to 7). All are means over batch and positions, in float32.

A critic's features are `list[scale][layer]` of (B, c, h, w), as `dwnet.discriminator` gives them; a scale's last layer holds its scores.
"""

import torch.nn.functional as F
from torch import Tensor

from .config import LossSettings
from .discriminator import Features as CriticFeatures
from .features import Features
from .iuv_channels import HEAD, parts
from .warping import warp


def scores_off(features: CriticFeatures, target: float) -> Tensor:
    """Mean squared distance of the patch scores to `target`, summed over scales: the terms of Eq. 4 and 5."""
    return sum((scale[-1].float() - target).square().mean() for scale in features)


def critic_losses(fake: CriticFeatures, real: CriticFeatures) -> dict[str, Tensor]:
    """Eq. 4: `critic_fake` and `critic_real`. The critic's update takes half their sum."""
    return {"critic_fake": scores_off(fake, 0.0), "critic_real": scores_off(real, 1.0)}


def adversarial(fake: CriticFeatures) -> Tensor:
    """Eq. 5, least squares."""
    return scores_off(fake, 1.0)


def feature_matching(fake: CriticFeatures, real: CriticFeatures) -> Tensor:
    """Eq. 6 on the critic's features: L1 of every layer but the scores, times 4 / (layers + 1), mean over scales. `real` gets no gradient.

    `layers` counts the strided ones, so a scale with the scores has `layers` + 2; the paper's factor of 10 is the loss weight.
    """
    total = 0.0
    for fake_scale, real_scale in zip(fake, real, strict=True):
        pairs = zip(fake_scale[:-1], real_scale[:-1], strict=True)
        total = total + sum(F.l1_loss(a.float(), b.detach().float()) for a, b in pairs) * 4 / (len(fake_scale) - 1)
    return total / len(fake)


def pixel_losses(weights: LossSettings, fake: Tensor, real: Tensor, iuv: Tensor) -> dict[str, Tensor]:
    """The L1 losses that have a weight, of frames (B, 3, H, W) in [-1, 1] and their maps; body and head count pixels of the whole batch."""
    apart = (fake - real).abs()
    found = {"l1": apart.mean()} if weights.l1 else {}
    if weights.l1_coarse:
        half, quarter = ((F.avg_pool2d(fake - real, side)).abs().mean() for side in (2, 4))
        found["l1_coarse"] = half + quarter / 2
    part = parts(iuv)[:, None]
    for name, weight, inside in (("l1_body", weights.l1_body, part > 0), ("l1_head", weights.l1_head, part >= HEAD)):
        if weight:
            found[name] = (apart * inside).sum() / (3 * inside.sum()).clamp(min=1)
    return found


def warp_loss(
    features: Features,
    source: Tensor,
    previous: Tensor,
    real: Tensor,
    source_grid: Tensor,
    previous_grid: Tensor,
    padding_mode: str,
) -> Tensor:
    """Perceptual distance of source and previous frame, warped by the refined grids (B, h, w, 2), to the real frame, all at h x w; summed.

    The official code has it, the paper does not name it. Images are (B, 3, H, W) in [-1, 1].
    """
    size = source_grid.shape[1:3]
    source, previous, real = (F.interpolate(image, size, mode="bilinear", align_corners=False) for image in (source, previous, real))
    wanted = [tap.detach() for tap in features.taps(real)]
    return sum(
        features.distance(features.taps(warp(image, grid, padding_mode)), wanted)
        for image, grid in ((source, source_grid), (previous, previous_grid))
    )
