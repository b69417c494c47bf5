"""Building blocks of the generator (after Johnson et al. 2016 and pix2pixHD): encoder, ResNet block, decoder.

Encoder      (B, in, H, W)      -> (B, 4 * ngf, H / 4, W / 4)
ResnetBlock  (B, c, h, w)       -> (B, c, h, w)
Decoder      (B, 4 * ngf, h, w) -> (B, 3, 4 * h, 4 * w) in [-1, 1]
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPS = 1e-5


def instance_norm(x: Tensor) -> Tensor:
    """Zero mean and unit variance for every image and channel, eps 1e-5, no parameters.

    Written as a group norm of one channel a group, the same function: its CPU kernel takes half the time. It must not see channels-last
    memory there: its sums of squares then cancel (errors of 0.1 were measured). For the compiler it is written out in float32, which
    leaves memory layout and type as they are (autocast on a GPU would make a group norm's result float32) and fuses with what surrounds it.
    """
    if not torch.compiler.is_compiling():
        return F.group_norm(x.contiguous(), int(x.shape[1]), eps=EPS)
    wide = x.float()
    variance, mean = torch.var_mean(wide, (2, 3), correction=0, keepdim=True)
    return ((wide - mean) * torch.rsqrt(variance + EPS)).to(x.dtype)


def reflect(x: Tensor, border: int) -> Tensor:
    """`x` with a mirrored border of `border` pixels, in the same type.

    Autocast on a CPU would mirror in float32, unlike that on a GPU, and keep a float32 copy of `x` for the backward pass.
    """
    with torch.autocast(x.device.type, enabled=False):
        return F.pad(x, (border,) * 4, mode="reflect")


class Encoder(nn.Module):
    """A 7x7 convolution to `ngf` channels, then two of stride 2 that double them."""

    def __init__(self, channels: int, ngf: int):
        super().__init__()
        self.first = nn.Conv2d(channels, ngf, 7)
        self.down = nn.ModuleList(nn.Conv2d(ngf * m, 2 * ngf * m, 3, stride=2, padding=1) for m in (1, 2))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(instance_norm(self.first(reflect(x, 3))))
        for layer in self.down:
            x = F.relu(instance_norm(layer(x)))
        return x


class ResnetBlock(nn.Module):
    """Two 3x3 convolutions added to their input."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3)
        self.second = nn.Conv2d(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(instance_norm(self.first(reflect(x, 1))))
        return x + instance_norm(self.second(reflect(y, 1)))


class Decoder(nn.Module):
    """ResNet blocks, two transposed convolutions that halve the channels, a 7x7 convolution to RGB, tanh."""

    def __init__(self, ngf: int, blocks: int):
        super().__init__()
        self.blocks = nn.Sequential(*(ResnetBlock(4 * ngf) for _ in range(blocks)))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * ngf * m, ngf * m, 3, stride=2, padding=1, output_padding=1) for m in (2, 1))
        self.last = nn.Conv2d(ngf, 3, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(x)
        for layer in self.up:
            x = F.relu(instance_norm(layer(x)))
        return torch.tanh(self.last(reflect(x, 3)))


def init_weights(module: nn.Module):
    """Draw all convolution weights below `module` from N(0, 0.02); biases keep PyTorch's start."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, 0.0, 0.02)
