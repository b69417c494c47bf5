"""The critic C (paper, section 3.2): patch critics at full, half, ... size, as in pix2pixHD.

iuv, image   (B, 3, H, W)   pose (I, U, V) and real or generated frame, scaled x / 127.5 - 1
features     list[scale][layer] of (B, c, h, w), the smallest scale first and the full-size one last;
             the last layer of a scale holds its patch scores (B, 1, h, w)
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..config import ModelSettings
from .iuv_input import COUNTS, iuv_channels
from .layers import init_weights, instance_norm

MAX_CHANNELS = 512
Features = list[list[Tensor]]


class PatchCritic(nn.Module):
    """`layers` strided 4x4 convolutions, one more, and one to a score a patch."""

    def __init__(self, inputs: int, ndf: int, layers: int):
        super().__init__()
        channels = [inputs, *(min(ndf * 2**i, MAX_CHANNELS) for i in range(layers + 1)), 1]
        strides = [2] * layers + [1, 1]
        self.layers = nn.ModuleList(
            nn.Conv2d(channels[i], channels[i + 1], 4, stride=stride, padding=2) for i, stride in enumerate(strides)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Output of every layer for `x` (B, inputs, H, W)."""
        outputs = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i < len(self.layers) - 1:
                x = F.leaky_relu(x if i == 0 else instance_norm(x), 0.2)
            outputs.append(x)
        return outputs


class MultiscaleDiscriminator(nn.Module):
    """One patch critic a scale; `critics[-1]` sees the full size, the one before it the half, and so on."""

    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.settings = settings
        inputs = COUNTS[settings.iuv_input] + 3
        self.critics = nn.ModuleList(PatchCritic(inputs, settings.ndf, settings.critic_layers) for _ in range(settings.critic_scales))
        init_weights(self)

    def forward(self, iuv: Tensor, image: Tensor) -> Features:
        """Features of all scales and layers; see the head of the file."""
        x = torch.cat((iuv_channels(iuv, self.settings.iuv_input), image), 1)
        found = []
        for critic in reversed(self.critics):
            if found:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            found.insert(0, critic(x))
        return found
