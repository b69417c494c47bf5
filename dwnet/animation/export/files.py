"""Writing a generator's step as an ONNX or TorchScript file that says what its inputs are."""

import io
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from densepose_cache.core.errors import InputError
from densepose_cache.storage.atomic import written_whole

from ...model.build import AnyGenerator
from .compare import MOST, largest_difference, rendered_driving
from .step import FRAME, MEANINGS, Step, StepInputs

OPSET = 20
"""Version of ONNX's operators: the first in which GridSample is that of PyTorch in name and meaning."""
FACTS = "dwnet"
"""Where the facts stand: a key of an ONNX file's metadata, an extra file of a TorchScript one."""
INSTALL = "pip install 'dwnet[export]'"
Runtime = Callable[[dict[str, np.ndarray]], np.ndarray]


def export(generator: AnyGenerator, size: int, kind: str, out: Path, facts: dict) -> float | None:
    """Write the step of `generator` for frames of side `size` to the file `out`; `kind` is "onnx" or "torchscript".

    It must agree with PyTorch on a rendered person who walks. Returns the largest difference of a value in [-1, 1], None where
    onnxruntime is missing, so that an ONNX file cannot be tried. `facts` (JSON) go into the file beside the names, shapes, types, ranges
    and meanings of inputs and output. Raises InputError, and writes nothing, where onnx is missing or the frames differ by more than MOST.
    """
    inputs = StepInputs(generator, rendered_driving(size))
    example = next(inputs.frames(1)) | inputs.fixed | {"previous": inputs.fixed["source"]}
    example = {name: example[name] for name in MEANINGS if name in example}
    step = Step(generator, list(example)).eval()
    data, runtime = {"onnx": _onnx, "torchscript": _torchscript}[kind](step, example, {"size": size, **facts})
    difference = largest_difference(step, inputs, runtime) if runtime else None
    if difference is not None and not difference <= MOST:
        raise InputError(
            f"{out}: the exported step makes frames that differ from PyTorch's by {difference:.2g}, more than {MOST:g}; nothing is "
            "written. Try another version of torch or onnxruntime"
        )
    with written_whole(out) as temporary:
        temporary.write_bytes(data)
    return difference


def _onnx(step: Step, example: dict[str, Tensor], facts: dict) -> tuple[bytes, Runtime | None]:
    try:
        import onnx
    except ImportError:
        raise InputError(f"the package onnx is missing, which an ONNX file needs; {INSTALL}, or take --format torchscript") from None
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer, on sizes, which are fixed; and on the newer exporter, which needs one more package
        torch.onnx.export(
            step, tuple(example.values()), buffer, input_names=step.names, output_names=[FRAME], opset_version=OPSET, dynamo=False
        )
    model = onnx.load_from_string(buffer.getvalue())
    taken = [value.name for value in model.graph.input]
    onnx.helper.set_model_props(model, {FACTS: json.dumps(_described(example, taken) | facts | {"opset": OPSET})})
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    try:
        import onnxruntime
    except ImportError:
        print(f"onnxruntime is missing, so that the file is not compared with PyTorch; {INSTALL}", file=sys.stderr)
        return data, None
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return data, lambda given: session.run([FRAME], {name: given[name] for name in taken})[0]


def _torchscript(step: Step, example: dict[str, Tensor], facts: dict) -> tuple[bytes, Runtime]:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = torch.jit.freeze(torch.jit.trace(step, tuple(example.values()), check_trace=False))
        buffer = io.BytesIO()
        torch.jit.save(script, buffer, _extra_files={FACTS: json.dumps(_described(example, list(example)) | facts)})
        loaded = torch.jit.load(io.BytesIO(buffer.getvalue()))
    return buffer.getvalue(), lambda given: loaded(*(torch.from_numpy(given[name]) for name in example)).numpy()


def _described(example: dict[str, Tensor], taken: list[str]) -> dict:
    """Name, shape, type, range and meaning of the inputs `taken`, in order, and of the output."""
    shapes = {name: (list(value.shape), str(value.dtype).removeprefix("torch.")) for name, value in example.items()}
    shapes[FRAME] = shapes["source"]

    def of(name: str) -> dict:
        (shape, kind), (meaning, bounds) = shapes[name], MEANINGS[name]
        return {"name": name, "shape": shape, "dtype": kind, "range": bounds, "meaning": meaning}

    return {"inputs": [of(name) for name in taken], "output": of(FRAME)}
