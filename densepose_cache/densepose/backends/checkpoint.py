"""Checkpoints of detectron2 and others, read without running what they contain."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ...core.errors import InputError
from ...storage.restricted_pickle import RestrictedUnpickler

SUFFIXES = (".pkl", ".pth", ".pt", ".safetensors")
DAMAGED = (
    *(pickle.UnpicklingError, OSError, EOFError, RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(MemoryError, OverflowError, AssertionError),
)
"""What readers raise at a damaged file."""


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """The parameters in the file `path` by name, on the CPU.

    `.pkl` is a pickle of NumPy arrays by name, as detectron2's model zoo has them, `.pth` and `.pt` are what torch.save wrote of tensors by
    name; in both they may stand under the key `model`. `.safetensors` is read as it is. A pickle that asks for anything but arrays and
    plain containers is refused before it runs. Raises InputError, which names the file, if it is missing, damaged or holds something else.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: is no checkpoint that can be read; its name must end in {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint; fetch it, or correct the path")
    try:
        content = _read(path)
    except DAMAGED as error:
        raise InputError(f"{path}: cannot be read as a checkpoint ({_first_line(error)}); fetch it again") from None
    return _parameters(path, content)


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix == ".pkl":
        with path.open("rb") as file:
            return RestrictedUnpickler(file, ALLOWED, encoding="latin1").load()
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(error) from None


def _parameters(path: Path, content: Any) -> dict[str, torch.Tensor]:
    """Tensors by name in what a file held, under the key `model` or at once."""
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    if not isinstance(content, dict) or not content:
        raise InputError(f"{path}: holds no parameters by name; give the checkpoint of a DensePose R-CNN")
    parameters = {}
    for name, value in content.items():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" and value.dtype.isnative:
            value = torch.from_numpy(value if value.flags.writeable else value.copy())
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise InputError(f"{path}: {name!r} is no array of numbers; give the checkpoint of a DensePose R-CNN")
        parameters[name] = value
    return parameters


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _encode_latin1(text: str, encoding: str) -> bytes:
    """How old pickle protocols write bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text in the encoding {encoding}")
    return text.encode("latin1")


EMPTY = np.empty(0)
NUMPY_FUNCTIONS = {
    ("multiarray", "_reconstruct"): EMPTY.__reduce__()[0],
    ("multiarray", "scalar"): np.float32(0).__reduce__()[0],
    ("numeric", "_frombuffer"): EMPTY.__reduce_ex__(5)[0],
}
"""What NumPy itself names in pickles of arrays and numbers, in the modules of numpy.core or numpy._core."""
ALLOWED = {
    ("collections", "OrderedDict"): dict,
    ("_codecs", "encode"): _encode_latin1,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{(f"numpy.{core}.{module}", name): made for (module, name), made in NUMPY_FUNCTIONS.items() for core in ("core", "_core")},
}
"""Everything that a pickle may name: arrays and numbers of NumPy, written by any version of it."""
