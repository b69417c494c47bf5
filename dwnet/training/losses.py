"""Losses (paper, section 3.2, Eq. 4 to 7). All are means over batch and positions, in float32.

A discriminator's features are `list[scale][layer]` of (B, c, h, w), as `dwnet.model.discriminator` gives them; a scale's last layer holds
its scores.
"""

import torch.nn.functional as F
from torch import Tensor

from ..config import LossSettings
from ..model.discriminator import Features as DiscriminatorFeatures
from ..model.iuv_input import HEAD, parts
from ..model.perceptual import Features
from ..model.warping import warp

NO_PIXEL = 1e-6
"""Divides the sum over a mask without a pixel, which is zero; less than any number of pixels, shared out."""


def scores_off(features: DiscriminatorFeatures, target: float) -> Tensor:
    """Mean squared distance of the patch scores to `target`, summed over scales: the terms of Eq. 4 and 5."""
    return sum((scale[-1].float() - target).square().mean() for scale in features)


def discriminator_losses(fake: DiscriminatorFeatures, real: DiscriminatorFeatures) -> dict[str, Tensor]:
    """Eq. 4: `critic_fake` and `critic_real`. The discriminator's update takes half their sum."""
    return {"critic_fake": scores_off(fake, 0.0), "critic_real": scores_off(real, 1.0)}


def adversarial(fake: DiscriminatorFeatures) -> Tensor:
    """Eq. 5, least squares."""
    return scores_off(fake, 1.0)


def feature_matching(fake: DiscriminatorFeatures, real: DiscriminatorFeatures) -> Tensor:
    """Eq. 6 on the discriminator's features: L1 of every layer but the scores, times 4 / (layers + 1), mean over scales. `real` gets no
    gradient.

    `layers` counts the strided ones, so a scale with the scores has `layers` + 2; the paper's factor of 10 is the loss weight.
    """
    total = 0.0
    for fake_scale, real_scale in zip(fake, real, strict=True):
        pairs = zip(fake_scale[:-1], real_scale[:-1], strict=True)
        total = total + sum(F.l1_loss(a.float(), b.detach().float()) for a, b in pairs) * 4 / (len(fake_scale) - 1)
    return total / len(fake)


def masks(weights: LossSettings, iuv: Tensor) -> dict[str, Tensor]:
    """Pixels (..., H, W) bool that the losses of body and head look at, of those that have a weight; `iuv` (..., 3, H, W)."""
    part = parts(iuv)
    found = {"l1_body": part > 0, "l1_head": part >= HEAD}
    return {name: inside for name, inside in found.items() if getattr(weights, name)}


def pixel_losses(weights: LossSettings, fake: Tensor, real: Tensor, iuv: Tensor, counts: dict[str, Tensor]) -> dict[str, Tensor]:
    """The L1 losses that have a weight, of frames (B, 3, H, W) in [-1, 1] and their maps.

    Those of body and head are sums over their `masks`, divided by `counts`, scalars float32 by name. Where these are the masks' own
    numbers of pixels, the losses are means; shares of a batch take its number instead, so that large bodies weigh more than small ones.
    """
    apart = (fake - real).abs()
    found = {"l1": apart.mean()} if weights.l1 else {}
    if weights.l1_coarse:
        half, quarter = ((F.avg_pool2d(fake - real, side)).abs().mean() for side in (2, 4))
        found["l1_coarse"] = half + quarter / 2
    for name, inside in masks(weights, iuv).items():
        found[name] = (apart * inside[:, None]).sum() / (3 * counts[name]).clamp(min=NO_PIXEL)
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
