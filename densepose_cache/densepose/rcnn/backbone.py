"""ResNet and feature pyramid: frames -> features at five strides.

Batch normalisation is frozen in these models and folded into the convolutions (see `folding`), so that there is none here.
"""

import torch
import torch.nn.functional as F
from torch import nn

STAGES = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
"""Blocks of each stage."""
CHANNELS = 256
"""Of every level of the pyramid."""


class Stem(nn.Module):
    """(B, 3, H, W) -> (B, 64, H / 4, W / 4)."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(self.conv1(images).relu_(), 3, stride=2, padding=1)


class Bottleneck(nn.Module):
    """Residual block; its stride is in the first 1x1 convolution, as in the ResNets of MSRA."""

    def __init__(self, channels: int, inner: int, outer: int, stride: int):
        super().__init__()
        self.shortcut = nn.Conv2d(channels, outer, 1, stride=stride) if channels != outer else None
        self.conv1 = nn.Conv2d(channels, inner, 1, stride=stride)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1)
        self.conv3 = nn.Conv2d(inner, outer, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv3(self.conv2(self.conv1(x).relu_()).relu_())
        return y.add_(x if self.shortcut is None else self.shortcut(x)).relu_()


class ResNet(nn.Module):
    """(B, 3, H, W) -> features of the four stages (B, 256 x 2^k, H / 4 / 2^k, W / 4 / 2^k), k = 0..3."""

    def __init__(self, depth: int):
        super().__init__()
        self.stem = Stem()
        channels = 64
        for stage, blocks in enumerate(STAGES[depth]):
            outer = 256 << stage
            strides = [2 if stage and not block else 1 for block in range(blocks)]
            inputs = [channels, *[outer] * (blocks - 1)]
            layers = [Bottleneck(given, 64 << stage, outer, stride) for given, stride in zip(inputs, strides, strict=True)]
            self.add_module(f"res{stage + 2}", nn.Sequential(*layers))
            channels = outer

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        x = self.stem(images)
        stages = []
        for stage in (self.res2, self.res3, self.res4, self.res5):
            x = stage(x)
            stages.append(x)
        return stages


class FeaturePyramid(nn.Module):
    """(B, 3, H, W), H and W multiples of 32 -> levels p2 to p6 (B, 256, H / s, W / s), s = 4, 8, 16, 32, 64, rounded up."""

    def __init__(self, depth: int):
        super().__init__()
        self.bottom_up = ResNet(depth)
        for stage in range(4):
            self.add_module(f"fpn_lateral{stage + 2}", nn.Conv2d(256 << stage, CHANNELS, 1))
            self.add_module(f"fpn_output{stage + 2}", nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        levels, above = [], None
        for number, stage in reversed(list(enumerate(self.bottom_up(images), start=2))):
            x = self.get_submodule(f"fpn_lateral{number}")(stage)
            if above is not None:
                x += F.interpolate(above, scale_factor=2.0, mode="nearest")
            levels.insert(0, self.get_submodule(f"fpn_output{number}")(x))
            above = x
        return [*levels, F.max_pool2d(levels[-1], 1, stride=2)]
