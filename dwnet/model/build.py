"""Which generator the settings of a model ask for."""

from ..config import ModelSettings
from .compose import ComposeGenerator
from .generator import Generator

AnyGenerator = Generator | ComposeGenerator


def build_generator(settings: ModelSettings) -> AnyGenerator:
    """A fresh generator of `settings`."""
    return {"dwnet": Generator, "compose": ComposeGenerator}[settings.generator](settings)
