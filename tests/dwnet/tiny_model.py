"""A random generator that is quick, and its model file."""

from pathlib import Path

import torch

from dwnet.checkpoint import save_model
from dwnet.config import ModelSettings
from dwnet.generator import Generator


def tiny_generator(**changes):
    """A random generator whose frames depend on all inputs, but not so strongly that rounding grows from frame to frame."""
    torch.manual_seed(0)
    settings = ModelSettings(ngf=4, blocks=1, refine_blocks=1, **changes)
    generator = Generator(settings).eval()
    for parameter in generator.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.03)
    return generator


def save_tiny_model(path: Path) -> Path:
    """Write the generator without changes as a model file."""
    generator = tiny_generator()
    save_model(path, generator, {"fingerprint": "f" * 64})
    return path
