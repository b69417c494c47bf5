"""Chart head: pooled regions of people -> body part, U and V at every place of their boxes (Güler et al., DensePose, section 3)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from .backbone import CHANNELS

POOLED = 28
"""Side of a pooled region; charts have four times that."""
HIDDEN = 512
LAYERS = 8
"""Convolutions of the head, and their channels."""
PARTS = 25
"""Background and 24 body parts."""
ATROUS = (6, 12, 56)
"""Dilations of the DeepLab head."""
GROUPS = 32
"""Of its normalisations."""
LEAST_CONFIDENCE = 0.01


class Charts(NamedTuple):
    """What the network says of N people in their boxes, float32: logits `coarse` (N, 2, 112, 112) of background and body, logits `fine`
    (N, 25, 112, 112) of background and parts, and `u` and `v` (N, 25, 112, 112) of every part, nominally in [0, 1]."""

    coarse: torch.Tensor
    fine: torch.Tensor
    u: torch.Tensor
    v: torch.Tensor


class ConvolutionHead(nn.Module):
    """Eight 3x3 convolutions: (N, 256, 28, 28) -> (N, 512, 28, 28)."""

    def __init__(self):
        super().__init__()
        for number in range(LAYERS):
            self.add_module(f"body_conv_fcn{number + 1}", nn.Conv2d(HIDDEN if number else CHANNELS, HIDDEN, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.children():
            x = layer(x).relu_()
        return x


class NormedConv(nn.Conv2d):
    """A 3x3 convolution without bias, group normalisation, then max(0, x)."""

    def __init__(self, channels: int):
        super().__init__(channels, HIDDEN, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(GROUPS, HIDDEN)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(super().forward(x)).relu_()


class PooledContext(nn.Sequential):
    """The mean over the region, transformed and spread over it again."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).expand(-1, -1, *x.shape[2:])


def _normed(conv: nn.Conv2d) -> list[nn.Module]:
    return [conv, nn.GroupNorm(GROUPS, CHANNELS), nn.ReLU(inplace=True)]


class AtrousPyramid(nn.Module):
    """Five views of the region with ever more context, side by side, mixed (Chen et al., DeepLabv3, section 3.3)."""

    def __init__(self):
        super().__init__()
        views = [nn.Sequential(*_normed(nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False)))]
        for rate in ATROUS:
            views.append(nn.Sequential(*_normed(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=rate, dilation=rate, bias=False))))
        views.append(PooledContext(nn.AdaptiveAvgPool2d(1), *_normed(nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False))))
        self.convs = nn.ModuleList(views)
        self.project = nn.Sequential(nn.Conv2d(len(views) * CHANNELS, CHANNELS, 1, bias=False), nn.ReLU(inplace=True))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.project(torch.cat([view(x) for view in self.convs], dim=1))


class DeepLabHead(nn.Module):
    """Atrous pyramid and eight normalised convolutions: (N, 256, 28, 28) -> (N, 512, 28, 28)."""

    def __init__(self):
        super().__init__()
        self.ASPP = AtrousPyramid()
        for number in range(LAYERS):
            self.add_module(f"body_conv_fcn{number + 1}", NormedConv(HIDDEN if number else CHANNELS))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.children():
            x = layer(x)
        return x


class ChartPredictor(nn.Module):
    """Features (N, 512, 28, 28) -> `Charts`.

    With `segmentation_confidence` both segmentations are multiplied by a positive map of how certain they are, which shifts the borders
    between parts once the charts are resampled.
    """

    def __init__(self, segmentation_confidence: bool):
        super().__init__()
        self.segmentation_confidence = segmentation_confidence
        self.ann_index_lowres = _doubling(2)
        self.index_uv_lowres = _doubling(PARTS)
        self.u_lowres = _doubling(PARTS)
        self.v_lowres = _doubling(PARTS)
        if segmentation_confidence:
            self.fine_segm_confidence_lowres = _doubling(1)
            self.coarse_segm_confidence_lowres = _doubling(1)

    def forward(self, x: torch.Tensor) -> Charts:
        x = x.float()
        coarse, fine = _enlarged(self.ann_index_lowres(x)), _enlarged(self.index_uv_lowres(x))
        if self.segmentation_confidence:
            coarse *= F.softplus(_enlarged(self.coarse_segm_confidence_lowres(x))) + LEAST_CONFIDENCE
            fine *= F.softplus(_enlarged(self.fine_segm_confidence_lowres(x))) + LEAST_CONFIDENCE
        return Charts(coarse, fine, _enlarged(self.u_lowres(x)), _enlarged(self.v_lowres(x)))


def _doubling(channels: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(HIDDEN, channels, 4, stride=2, padding=1)


def _enlarged(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
