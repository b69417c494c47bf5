"""Resumable states of a training: `states/state-{step:08d}.pt` beside the model, the last two of them.

A state holds plain tensors, numbers and text, so it loads without unpickling code. It is taken up only by a training whose fingerprint, the
digest of all that determines its results, is its own.
"""

import io
import logging
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from densepose_cache.storage.atomic import written_whole
from densepose_cache.storage.digest import digest

from .config import FORMATS, GENERATOR_FORMATS, ModelSettings, TrainSettings

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
