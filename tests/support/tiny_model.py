"""The smallest networks of every generator, random generators that are quick, and their model files."""

from pathlib import Path

import torch

from dwnet.config import GENERATORS, ModelSettings
from dwnet.model.build import build_generator
from dwnet.model.checkpoint import save_model

DISCRIMINATOR = {"ndf": 4, "critic_layers": 2}
MODELS = {
    "dwnet": ModelSettings(ngf=4, blocks=1, refine_blocks=1, **DISCRIMINATOR),
    "compose": ModelSettings(generator="compose", width=4, **DISCRIMINATOR),
}
"""Settings by the key `model.generator`."""
assert MODELS.keys() == GENERATORS.keys(), "every generator has its tests"


def changed(generator: str, **changes) -> ModelSettings:
    """Settings of the smallest networks of a generator, with changes."""
    return ModelSettings.model_validate(MODELS[generator].model_dump() | changes)


def tiny_generator(generator: str = "dwnet", **changes):
    """A random generator whose frames depend on all inputs, but not so strongly that rounding grows from frame to frame."""
    torch.manual_seed(0)
    network = build_generator(changed(generator, **changes)).eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.03)
    return network


def save_tiny_model(path: Path, generator: str = "dwnet") -> Path:
    """Write a generator without changes as a model file."""
    save_model(path, tiny_generator(generator), {"fingerprint": "f" * 64})
    return path
