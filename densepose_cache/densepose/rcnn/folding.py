"""Batch normalisation with frozen statistics, folded into the convolutions before it."""

import torch
from torch.nn.utils.fusion import fuse_conv_bn_weights

EPSILON = 1e-5
STATISTICS = ("weight", "bias", "running_mean", "running_var")


def fold_frozen_norms(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The parameters `tensors` with every `X.norm` that has running statistics folded into the convolution `X.weight`, which gets a bias.

    Computed in float64 and rounded once. Norms without all four statistics, or without their convolution, are left as they are.
    """
    folded = dict(tensors)
    for name in tensors:
        if not name.endswith(".norm.running_var"):
            continue
        layer = name.removesuffix(".norm.running_var")
        names = [f"{layer}.norm.{statistic}" for statistic in STATISTICS]
        kernel = tensors.get(f"{layer}.weight")
        channels = None if kernel is None else kernel.shape[:1]
        if any(key not in tensors or tensors[key].shape != channels for key in names):
            continue
        weight, bias, mean, variance = (folded.pop(key).double() for key in names)
        fused = fuse_conv_bn_weights(kernel.double(), None, mean, variance, EPSILON, weight, bias)
        folded[f"{layer}.weight"], folded[f"{layer}.bias"] = (values.data.to(kernel.dtype) for values in fused)
    return folded
