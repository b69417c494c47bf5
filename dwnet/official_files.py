"""Files of the official code: from `latest_net_G.pth` and `latest_net_D.pth` to our model files."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from densepose_cache.digest import file_sha256
from densepose_cache.errors import InputError

from .checkpoint import CRITIC_NAME, save_model
from .official import load_discriminator, load_generator

SIZE = 256
"""Side in pixels of the frames that the official models are made for."""


def import_official(generator: Path, out: Path, critic: Path | None, padding_mode: str, coarse_warp: bool, refine: bool):
    """Write `out` from the official generator's file, and the critic beside it if its file is given.

    Raises InputError, and writes nothing, if a file is missing, is no PyTorch file, or holds other weights.
    """
    model = load_generator(read_weights(generator), padding_mode, coarse_warp, refine)
    judge = load_discriminator(read_weights(critic)) if critic else None
    if judge:
        save_model(Path(out).with_name(CRITIC_NAME), judge, _origin(critic))
    save_model(out, model, _origin(generator))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a PyTorch file, old or new, without unpickling code. Raises InputError if it is none."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; give the official latest_net_G.pth or latest_net_D.pth")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as PyTorch weights ({reason}); download it again") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path}: holds no table of tensors; give the official latest_net_G.pth or latest_net_D.pth")
    return state


def _origin(path: Path) -> dict[str, Any]:
    return {"size": SIZE, "imported": {"file": Path(path).name, "sha256": file_sha256(path)}}
