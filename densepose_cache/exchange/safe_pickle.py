"""Read pickled detections without running what a pickle may ask for.

Only the names of a short list are resolved (see `storage.restricted_pickle`): what tensors are made of and the result classes of
DensePose, and those to inert stand-ins that hold attributes; detectron2 need not be installed.
"""

import io
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import torch

from ..core.errors import InputError
from ..storage.restricted_pickle import Refused, RestrictedUnpickler

CHART_RESULTS = (
    "DensePoseChartResult",
    "DensePoseChartResultWithConfidences",
    "DensePoseChartResultQuantized",
    "DensePoseChartResultCompressed",
)
RESULT_CLASSES = {
    **{("densepose.structures.chart_result", name): name for name in CHART_RESULTS},
    ("densepose.structures", "DensePoseResult"): "DensePoseResult",
    ("densepose.data.structures", "DensePoseResult"): "DensePoseResult",
}
"""Module and name, as pickles have them, of the classes of results; the last two stood in DensePose until October 2020."""
LEGACY_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
"""First bytes of files that `torch.save` wrote before version 1.6: a pickled number."""


def load_results(path: Path):
    """The object in `path`, which `torch.save` (either of its formats) or `pickle.dump` wrote, with all tensors on the CPU.

    Objects of DensePose's result classes arrive as objects with the same class name and attributes. Raises InputError for a file that is
    missing, damaged, or asks for anything but tensors, plain values and those classes; nothing of it has then been called.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file of detections")
    stand_ins = {names: type(name, (), {}) for names, name in RESULT_CLASSES.items()}
    zipped = zipfile.is_zipfile(path)
    try:
        with path.open("rb") as file:
            legacy = file.read(len(LEGACY_TORCH)) == LEGACY_TORCH
            file.seek(0)
            if not zipped and not legacy:
                return RestrictedUnpickler(file, stand_ins | TENSORS).load()
        with torch.serialization.safe_globals([(kind, ".".join(names)) for names, kind in stand_ins.items()]):
            if zipped and (unknown := torch.serialization.get_unsafe_globals_in_checkpoint(path)):
                raise Refused(min(unknown))
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Refused as error:
        raise InputError(f"{path}: {_refusal(error.name)}") from None
    except Exception as error:  # whatever a damaged or hostile file provokes in the readers
        raise InputError(f"{path}: {_explained(error)}") from None


def _tensor(storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_) -> torch.Tensor:
    """What torch makes of a pickled tensor; hooks and gradients are left out."""
    if not isinstance(storage, torch.storage.TypedStorage):
        raise pickle.UnpicklingError("a tensor in it has no storage")
    flat = torch.empty(0, dtype=storage.dtype).set_(storage)
    return flat.as_strided(size, stride, offset)


TENSORS: dict[tuple[str, str], Callable] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch.storage", "_load_from_bytes"): lambda data: torch.load(io.BytesIO(data), map_location="cpu", weights_only=True),
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
}
"""What a plain pickle of tensors names."""


def _refusal(name: str) -> str:
    if name.startswith("densepose.") and "Embedding" in name:
        return f"holds {name}, the output of a CSE model, which has no charts; run a chart-based model such as densepose_rcnn_R_50_FPN_s1x"
    return f"asks for {name}, which is no part of DensePose's results; it was not run. Only files that `apply_net.py dump` wrote are read"


def _explained(error: Exception) -> str:
    name = re.search(r"GLOBAL (\S+) (?:was not an allowed global|whose module)", str(error))
    if name:
        return _refusal(name[1])
    line = next(iter(str(error).strip().splitlines()), "")[:200]
    return f"cannot be read as a pickle of detections ({type(error).__name__}: {line}); write it again with `apply_net.py dump`"
