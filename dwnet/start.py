"""Training that starts from given weights (option `train.start`): those of an earlier run, or of an import, to be tuned further.

Optimisers, learning rate and the order of samples start afresh. The frames may be of another size than those the weights were trained on.
"""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from densepose_cache.core.errors import InputError
from densepose_cache.storage.digest import digest, file_sha256

from .checkpoint import CRITIC_NAME, load_critic, load_model, model_file
from .config import ModelSettings

GENERATOR_KEYS = {"dwnet": ("ngf", "blocks", "iuv_input"), "compose": ("width",)}
REFINE_KEYS = ("refine", "refine_blocks", "visibility")
CRITIC_KEYS = ("ndf", "critic_scales", "critic_layers", "iuv_input")
"""Keys of the model section that shape the weights of generator, refine branch and critic."""


@dataclass(frozen=True)
class StartWeights:
    """Weights by name; without a critic's file beside the model's, the critic starts afresh."""

    generator: dict[str, Tensor]
    critic: dict[str, Tensor] | None

    def load(self, generator: nn.Module, critic: nn.Module | None):
        """Set the networks of a training to these weights."""
        generator.load_state_dict(self.generator)
        if critic and self.critic:
            critic.load_state_dict(self.critic)


def start_weights(path: str | None, model: ModelSettings) -> StartWeights | None:
    """The weights that a training of `model` starts from; None without `path`, a run's folder or its model.safetensors.

    A model without refine branch takes the rest of one with it. Raises InputError if the file is none or its network has other shapes.
    """
    if path is None:
        return None
    generator, _ = load_model(path)
    _check(path, generator.settings, model, ("generator",))
    refined = REFINE_KEYS if model.refine and model.generator == "dwnet" else ()
    _check(path, generator.settings, model, GENERATOR_KEYS[model.generator] + refined)
    weights = {name: value for name, value in generator.state_dict().items() if model.refine or not name.startswith("refine.")}
    if not _critic_file(path).is_file():
        return StartWeights(weights, None)
    critic, _ = load_critic(_critic_file(path))
    _check(_critic_file(path), critic.settings, model, CRITIC_KEYS)
    return StartWeights(weights, critic.state_dict())


def start_digest(path: str | None) -> str | None:
    """Digest of the files that a training starts from; None without `path`. Raises InputError if there is no such model."""
    if path is None:
        return None
    if not model_file(path).is_file():
        raise InputError(f"{model_file(path)}: no such model to start from (key train.start); give a run's folder or its model.safetensors")
    return digest([file_sha256(file) for file in (model_file(path), _critic_file(path)) if file.is_file()])


def _critic_file(path: str) -> Path:
    return model_file(path).with_name(CRITIC_NAME)


def _check(path: Path | str, found: ModelSettings, wanted: ModelSettings, keys: tuple[str, ...]):
    values = {key: (getattr(found, key), getattr(wanted, key)) for key in keys}
    other = [f"{key} is {there} there and {here} here" for key, (there, here) in values.items() if there != here]
    if other:
        raise InputError(f"{path}: cannot start a training of this model (key train.start): {', '.join(other)}")
