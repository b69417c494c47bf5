"""Files of detections as `apply_net.py dump` wrote them over the years, made without detectron2: classes of the same names stand in."""

import base64
import contextlib
import io
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import torch
from PIL import Image

CHART_MODULE = "densepose.structures.chart_result"
CLASSES = {
    CHART_MODULE: (
        "DensePoseChartResult",
        "DensePoseChartResultWithConfidences",
        "DensePoseChartResultQuantized",
        "DensePoseChartResultCompressed",
    ),
    "densepose.structures": ("DensePoseResult", "DensePoseEmbeddingPredictorOutput"),
    "densepose.data.structures": ("DensePoseResult",),
}
KINDS = ("chart", "confidences", "quantized", "compressed", "png-2019", "png-2020")


@contextlib.contextmanager
def same_named_classes():
    """While it lasts, pickles name the classes by module and name as DensePose's own; gives a function (module, name, **attributes)."""
    names = ["densepose", "densepose.data", *CLASSES]
    before = {name: sys.modules.get(name) for name in names}
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    for module, classes in CLASSES.items():
        for name in classes:
            setattr(sys.modules[module], name, type(name, (), {"__module__": module}))

    def make(module: str, name: str, **attributes):
        made = getattr(sys.modules[module], name)()
        made.__dict__.update(attributes)
        return made

    try:
        yield make
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def random_chart(rng: np.random.Generator, box: tuple[float, float, float, float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels (h, w) and U, V (2, h, w) of a person in `box` (left, top, right, bottom), as large as DensePose makes them."""
    left, top, right, bottom = np.float32(box)
    height, width = max(int(bottom - top), 1), max(int(right - left), 1)
    labels = torch.from_numpy(rng.integers(0, 25, (height, width)))
    uv = torch.from_numpy(rng.random((2, height, width), np.float32)) * (labels > 0)
    return labels, uv


def quantised(labels: torch.Tensor, uv: torch.Tensor) -> np.ndarray:
    """(h, w, 3) uint8: part, U and V x 255 cut to whole numbers."""
    return torch.cat([labels[None].float(), uv * 255]).to(torch.uint8).permute(1, 2, 0).numpy()


def encoded(labels: torch.Tensor, uv: torch.Tensor) -> tuple[tuple[int, int, int], str]:
    """Shape (3, h, w) and the PNG in base64."""
    values = quantised(labels, uv)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, format="png", optimize=True)
    return (3, *values.shape[:2]), base64.encodebytes(stream.getvalue()).decode()


def results(make, kind: str, boxes, charts):
    """`pred_densepose` of one picture, as a dump of `kind` has it."""
    if kind.startswith("png"):
        module = "densepose.structures" if kind == "png-2019" else "densepose.data.structures"
        sides = [[left, top, right - left, bottom - top] for left, top, right, bottom in boxes]
        return make(module, "DensePoseResult", results=[encoded(*chart) for chart in charts], boxes_xywh=sides)
    if kind == "chart":
        return [make(CHART_MODULE, "DensePoseChartResult", labels=labels, uv=uv) for labels, uv in charts]
    if kind == "confidences":
        name, rest = "DensePoseChartResultWithConfidences", {"sigma_1": None, "kappa_u": None, "fine_segm_confidence": torch.rand(3, 3)}
        return [make(CHART_MODULE, name, labels=labels, uv=uv, **rest) for labels, uv in charts]
    if kind == "quantized":
        values = [torch.from_numpy(quantised(*chart)).permute(2, 0, 1) for chart in charts]
        return [make(CHART_MODULE, "DensePoseChartResultQuantized", labels_uv_uint8=value) for value in values]
    texts = [encoded(*chart) for chart in charts]
    return [make(CHART_MODULE, "DensePoseChartResultCompressed", shape_chw=shape, labels_uv_str=text) for shape, text in texts]


def picture(make, file_name: str, boxes=(), scores=(), charts=(), kind: str = "confidences") -> dict:
    """One entry of a dump."""
    entry = {"file_name": file_name, "scores": torch.tensor(scores), "pred_boxes_XYXY": torch.tensor(boxes).reshape(-1, 4).float()}
    return entry | {"pred_densepose": results(make, kind, boxes, charts)}


def write_dump(path: Path, entries, form: str = "zip"):
    """Write as torch.save does today (`zip`), as it did before torch 1.6 (`legacy`), or as pickle.dump (`pickle`)."""
    if form == "pickle":
        path.write_bytes(pickle.dumps(entries))
    else:
        torch.save(entries, path, _use_new_zipfile_serialization=form == "zip")
    return path
