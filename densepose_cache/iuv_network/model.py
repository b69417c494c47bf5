"""The network: EfficientNet-Lite0 and a light decoder that gives a silhouette, 24 parts and U, V per part."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .encoder import TAP_CHANNELS, Encoder, fold_scales

PARTS = 24
WIDTHS = (128, 128, 96, 64, 32)
"""Channels of the decoder at 1/32, 1/16, 1/8, 1/4 and 1/2 of the input's side."""


@dataclass(frozen=True)
class PredictedMaps:
    """What the network says of images (B, 3, H, W)."""

    silhouette: Tensor
    """(B, H / 2, W / 2) logit of body against background."""
    parts: Tensor
    """(B, 24, H / 2, W / 2) logits of parts 1..24, for body pixels."""
    uv: Tensor
    """(B, 48, H / 4, W / 4) U of part 1, V of part 1, U of part 2 ..., nominally in [0, 1]."""


def conv_norm(inside: int, outside: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution and batch norm; `fold_norms` joins them for use."""
    return nn.Sequential(nn.Conv2d(inside, outside, kernel, padding=kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outside))


def is_conv_norm(layer: nn.Module) -> bool:
    """Whether `conv_norm` made this layer, and `fold` has not yet joined it into one convolution."""
    return isinstance(layer, nn.Sequential) and len(layer) == 2 and isinstance(layer[1], nn.BatchNorm2d)


class Stage(nn.Module):
    """One level of the decoder: the level below enlarged, plus the encoder's map of this level, then a 3 x 3 convolution."""

    def __init__(self, below: int, tap: int, width: int, dense: bool):
        super().__init__()
        self.below = conv_norm(below, width)
        self.tap = conv_norm(tap, width)
        self.mix = conv_norm(width, width, 3) if dense else nn.Sequential(conv_norm(width, width, 3, width), conv_norm(width, width))

    def forward(self, below: Tensor, tap: Tensor) -> Tensor:
        enlarged = F.interpolate(self.below(below), tap.shape[2:], mode="bilinear", align_corners=False)
        x = F.relu(enlarged + self.tap(tap))
        return x + F.relu(self.mix(x))


class IuvNetwork(nn.Module):
    """From images (B, 3, H, W), (values - 127) / 128 and sides multiples of 4, to `PredictedMaps`. 3.5 million parameters when folded."""

    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        deepest = TAP_CHANNELS[-1]
        self.centre = conv_norm(deepest, WIDTHS[0])
        self.scene = conv_norm(deepest, WIDTHS[0])
        self.deep = conv_norm(WIDTHS[0], WIDTHS[0], 3)
        self.stages = nn.ModuleList(
            Stage(below, tap, width, dense=width >= 96)
            for below, tap, width in zip(WIDTHS[:-1], TAP_CHANNELS[-2::-1], WIDTHS[1:], strict=True)
        )
        self.uv = nn.Conv2d(WIDTHS[3], 2 * PARTS, 1)
        self.labels = nn.Conv2d(WIDTHS[4], 1 + PARTS, 1)
        nn.init.constant_(self.uv.bias, 0.5)

    def forward(self, image: Tensor) -> PredictedMaps:
        taps = self.encoder(image)
        scene = F.relu(self.scene(taps[-1])).mean((2, 3), keepdim=True)
        x = F.relu(self.centre(taps[-1]) + scene)
        x = x + F.relu(self.deep(x))
        for stage, tap in zip(self.stages[:-1], taps[-2:0:-1], strict=True):
            x = stage(x, tap)
        labels = self.labels(self.stages[-1](x, taps[0]))
        return PredictedMaps(labels[:, 0], labels[:, 1:], self.uv(x))


def fold(network: IuvNetwork) -> IuvNetwork:
    """The same function with plain convolutions only, in place; in eval mode."""
    network.eval()
    fold_scales(network.encoder)
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if is_conv_norm(child):
                setattr(module, name, fuse_conv_bn_eval(child[0], child[1]))
    return network


def empty_network() -> IuvNetwork:
    """A folded network, for weights to be loaded into."""
    with torch.device("meta"):
        return fold(IuvNetwork())
