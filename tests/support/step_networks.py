"""Networks, features and maps for tests of a training step."""

import torch
import torch.nn.functional as F
from torch import nn

from dwnet.config import ModelSettings
from dwnet.model.build import build_generator
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.perceptual import Features
from dwnet.training.data import scaled
from dwnet.training.step import Networks


def noise_map(random: torch.Generator, *shape: int) -> torch.Tensor:
    """Noise as an IUV map (..., 3, 64, 64), half of it background."""
    iuv = torch.randint(0, 256, (*shape, 64, 64, 3), generator=random, dtype=torch.uint8)
    iuv[..., 0] = (iuv[..., 0] % 49).clamp(min=24) - 24
    return scaled(iuv)


def networks(model: ModelSettings, rate: float) -> Networks:
    """Networks whose weights move by `rate` times their gradient."""
    torch.manual_seed(1)
    generator, discriminator = build_generator(model), MultiscaleDiscriminator(model)
    if model.generator == "compose":
        torch.nn.init.normal_(generator.trunk.head.weight, std=0.05)  # at zero nothing before it would learn
    sgd = [torch.optim.SGD(module.parameters(), lr=rate, fused=True) for module in (generator, discriminator)]
    return Networks(generator, sgd[0], discriminator, sgd[1], None)


class TinyFeatures(Features):
    """Two layers of random weights."""

    name, tap_weights = "tiny", (0.5, 1.0)

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.layers = nn.ModuleList([nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 4, 3, stride=2)])
        self._freeze()

    def forward(self, image):
        first = F.relu(self.layers[0](image))
        return [first, self.layers[1](first)]
