"""Resumable states of a training: `states/state-{step:08d}.pt` beside the model, the last two of them.

A state holds plain tensors, numbers and text, so it loads without unpickling code. It is taken up only by a training whose fingerprint, the
digest of all that determines its results, is its own.
"""

import io
import logging
import pickle
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import written_whole
from densepose_cache.storage.digest import digest, file_sha256

from ..config import FORMATS, GENERATOR_FORMATS, ModelSettings, TrainSettings
from ..model.checkpoint import CRITIC_NAME, load_critic, load_model, model_file

KEPT = 2

_log = logging.getLogger(__name__)


def fingerprint(model: ModelSettings, settings: TrainSettings, data_digest: str, start: str | None = None) -> str:
    """Digest of all that determines a training's results.

    `start` is the digest of the weights that it starts from, if there are any: where they lie does not count.
    """
    number = GENERATOR_FORMATS[model.generator]
    more = [*([start] if start else []), *([f"generator {number}"] if number > 1 else [])]
    return digest("train", FORMATS["train"], model.decisive(), settings.decisive("start"), data_digest, *more)


def states_folder(model_file: Path) -> Path:
    """Where the states of the training that writes `model_file` lie."""
    return Path(model_file).parent / "states"


def save_state(folder: Path, state: dict[str, Any]) -> Path:
    """Write `state` under the name of its `step`; a file that exists is whole. Raises InputError where the disk is full.

    It is put together in memory first: a writer that fails in the middle of a file would end the process.
    """
    path = folder / f"state-{state['step']:08d}.pt"
    content = io.BytesIO()
    torch.save(state, content)
    with written_whole(path) as temporary:
        temporary.write_bytes(content.getbuffer())
    return path


def prune_states(folder: Path, keep: list[Path]):
    """Remove every state of `folder` but the last two of `keep`, which this training has written or taken up.

    States of other fingerprints and of later steps go too: this training takes their place.
    """
    for path in folder.glob("state-*.pt"):
        if path not in keep[-KEPT:]:
            path.unlink(missing_ok=True)


def remove_unfinished(folder: Path):
    """Remove what a process that was killed while it wrote a state has left."""
    for path in folder.glob(".state-*.tmp"):
        path.unlink(missing_ok=True)


def latest_state(folder: Path, wanted: str) -> tuple[Path, dict[str, Any]] | None:
    """The newest readable state with fingerprint `wanted`; damaged ones are skipped with a warning."""
    for path in sorted(folder.glob("state-*.pt"), reverse=True):
        try:
            state = read_state(path)
            found = state["fingerprint"]
        except (RuntimeError, OSError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            _log.warning("%s cannot be read and is skipped: %s", path, str(error).splitlines()[0] if str(error) else type(error).__name__)
            continue
        if found == wanted:
            return path, state
    return None


def read_state(path: Path) -> dict[str, Any]:
    """The state in a file, its tensors on the CPU."""
    return torch.load(path, map_location="cpu", weights_only=True)


def random_states() -> dict[str, Any]:
    """States of all random generators."""
    kind, keys, position, has_gauss, gauss = np.random.get_state()
    return {
        "python": random.getstate(),
        "numpy": [kind, keys.tolist(), position, has_gauss, gauss],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_random_states(states: dict[str, Any]):
    """Set all random generators to `states`."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])


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


def load_start_weights(path: str | None, model: ModelSettings) -> StartWeights | None:
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
