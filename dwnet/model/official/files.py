"""Files of the official code: `latest_net_G.pth` and `latest_net_D.pth` to our model files, and back."""

import contextlib
import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import only_writer, written_whole
from densepose_cache.storage.digest import file_sha256

from ...config import ModelSettings
from ..checkpoint import DISCRIMINATOR_NAME, load_model, read_discriminator, save_model
from .state_dict import export_discriminator, export_generator, load_discriminator, load_generator

SIZE = 256
"""Side in pixels of the frames that the official models are made for."""
REFINE_BLOCKS = 2
"""ResNet blocks of the official refine branch; no option of that code."""
NEEDED = "give the official latest_net_G.pth or latest_net_D.pth"
STRANGERS = {
    b"<": "is a web page, not the file itself; download the file (on GitHub: the button `Download raw file`)",
    b"version https://git-lfs": "is Git LFS's note of a file, not the file itself; run `git lfs pull`",
}
"""What other files begin with, and what to say of them."""


def import_official(
    generator: Path, out: Path, discriminator: Path | None, padding_mode: str, coarse_warp: bool, refine: bool, previous: bool
):
    """Write `out` from the official generator's file, and the discriminator beside it if its file is given; without it, none stays there.

    Raises InputError, and writes nothing, if a file is missing, is no PyTorch file, or holds other weights.
    """
    generator_weights, discriminator_weights = read_weights(generator), read_weights(discriminator) if discriminator else None
    with _named(generator):
        model = load_generator(generator_weights, padding_mode, coarse_warp, refine, previous)
    if discriminator:
        with _named(discriminator):
            judge = load_discriminator(discriminator_weights)
    with only_writer(out):
        if discriminator:
            save_model(Path(out).with_name(DISCRIMINATOR_NAME), judge, _origin(discriminator))
        else:
            Path(out).with_name(DISCRIMINATOR_NAME).unlink(missing_ok=True)
        save_model(out, model, _origin(generator))


def export_official(model: Path | str, out: Path, discriminator: Path | None) -> str:
    """Write the generator of a run to `out` for the official code, and the run's discriminator to `discriminator` if that is given.

    `model` is the run's folder or its model.safetensors. The files are of the kind that PyTorch 1.0 reads. Returns the options with which
    the official code makes networks of these widths and depths. Raises InputError if there is no such model, or the official code has no
    such network.
    """
    generator, _ = load_model(model)
    with _named(model):
        if generator.settings.refine and generator.settings.refine_blocks != REFINE_BLOCKS:
            raise InputError(f"has {generator.settings.refine_blocks} refine blocks, but the official code always has {REFINE_BLOCKS}")
        states = {Path(out): export_generator(generator)}
        options = _generator_options(generator.settings)
    if discriminator:
        judge, _ = read_discriminator(model if Path(model).is_dir() else Path(model).with_name(DISCRIMINATOR_NAME))
        states[Path(discriminator)] = export_discriminator(judge)
        options += f" --ndf {judge.settings.ndf} --num_D {judge.settings.critic_scales} --n_layers_D {judge.settings.critic_layers}"
    for path, state in states.items():
        content = io.BytesIO()
        torch.save(OrderedDict(state), content, _use_new_zipfile_serialization=False)
        with written_whole(path) as temporary:
            temporary.write_bytes(content.getbuffer())
    return options


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a PyTorch file, old or new, without running code that may be in it. Raises InputError if it is none."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; {NEEDED}")
    if not path.is_file():
        raise InputError(f"{path}: no such file; {NEEDED}")
    _check_start(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, OSError, AttributeError, TypeError) as error:
        if found := re.search(r"GLOBAL (\S+)", str(error)):
            raise InputError(
                f"{path}: holds more than tensors ({found[1]}) and is not loaded, since that could run code in it; "
                "save the network's state_dict() alone"
            ) from None
        raise InputError(f"{path}: is no file of torch.save, or it is cut off or damaged; {NEEDED}, downloaded again") from None
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        inside = f" but {', '.join(map(str, list(state)[:5]))}" if isinstance(state, dict) else ""
        raise InputError(f"{path}: holds no table of tensors{inside}; {NEEDED}")
    return state


def _check_start(path: Path):
    """Raise InputError for files that are well known to be something else."""
    with path.open("rb") as file:
        start = file.read(64)
    for sign, what in STRANGERS.items():
        if start.lstrip().startswith(sign):
            raise InputError(f"{path}: {what}")
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        raise InputError(f"{path}: is a safetensors file, which needs no import: give it to --model of `dwnet rollout` or `dwnet animate`")


@contextlib.contextmanager
def _named(path: Path | str) -> Iterator[None]:
    """Put the file's name before what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _generator_options(settings: ModelSettings) -> str:
    off = {"no_coarse_warp": settings.coarse_warp, "no_refining_warp": settings.refine, "prev_frame_num 0": settings.previous}
    options = f"--ngf {settings.ngf} --n_blocks_global {settings.blocks} --grid_padding {settings.padding_mode}"
    return " ".join([options, *(f"--{name}" for name, on in off.items() if not on)])


def _origin(path: Path) -> dict[str, Any]:
    return {"size": SIZE, "imported": {"file": Path(path).name, "sha256": file_sha256(path)}}
