"""Detections that detectron2's `apply_net.py dump` wrote: people in boxes, each with a chart of the size of its box.

A file is a list with one entry a picture: `file_name`, and where anybody was found `scores` (N,), `pred_boxes_XYXY` (N, 4) and
`pred_densepose`, one result a person. Since October 2020 a result has `labels` (h, w) and `uv` (2, h, w) in [0, 1]; before, the results
of a picture were one object with a list of (shape, PNG in base64). DensePose's quantised and compressed results are read, too.
"""

import base64
import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from natsort import natsorted
from PIL import Image

from ..core.errors import InputError
from ..densepose.backend import FrameMap
from ..densepose.paste import paste_chart
from ..densepose.person import Follower
from ..iuv import PARTS
from .frames import Frames
from .safe_pickle import load_results


@dataclass(frozen=True)
class Entry:
    """The people on a picture: `boxes` (N, 4) float32 left, top, right, bottom in its pixels, `scores` (N,), and a `results` item each."""

    file_name: str
    boxes: np.ndarray
    scores: np.ndarray
    results: list


class Dump:
    """Maps of a dump; people below `score` are passed over.

    `names` are those of the pictures, without folder and suffix, in natural order. Raises InputError as `load_results` does, and if the
    file holds something else than detections.
    """

    def __init__(self, path: Path, score: float):
        self.path = Path(path)
        found = load_results(self.path)
        if not isinstance(found, list) or not found or not all(isinstance(item, dict) and "file_name" in item for item in found):
            raise InputError(f"{path}: holds no detections; a list with one entry a picture is needed, as `apply_net.py dump` writes it")
        entries = [self._entry(item, score) for item in found]
        self._entries = natsorted(entries, key=lambda entry: entry.file_name)
        self.names = [PurePosixPath(entry.file_name.replace("\\", "/")).stem for entry in self._entries]

    def frame_size(self, frames: Frames) -> tuple[int, int]:
        """The size of the frames as they are stored, which detectron2 is given by whatever reads a video or takes it apart."""
        return frames.stored or (frames.width, frames.height)

    def frame_map(self, number: int, height: int, width: int, follower: Follower) -> FrameMap:
        """The followed person's map on picture `number`, of `height` x `width` pixels. Raises InputError if results or boxes do not fit."""
        entry = self._entries[number]
        where = f"{self.path}: entry {entry.file_name}"
        if len(entry.boxes) and (entry.boxes.max(axis=0)[2:] > [width + 1, height + 1]).any():
            right, bottom = entry.boxes.max(axis=0)[2:]
            raise InputError(
                f"{where}: a box reaches to column {right:.0f}, row {bottom:.0f}, but the frames are {width}x{height} pixels; name the "
                "video or folder that the dump was made of"
            )
        choice = follower.choose(entry.boxes / [width, height, width, height], entry.scores)
        if choice.person is None:
            return FrameMap(None, people=choice.people)
        left, top = (int(edge) for edge in entry.boxes[choice.person, :2])
        labels, uv = _chart(entry.results[choice.person], _box_size(entry.boxes[choice.person]), where)
        iuv = paste_chart(labels, uv, left, top, height, width)
        score = float(entry.scores[choice.person])
        return FrameMap(iuv if iuv[..., 0].any() else None, score, choice.people, choice.near_tie)

    def _entry(self, item: dict, least: float) -> Entry:
        where = f"{self.path}: entry {item['file_name']}"
        boxes = _array(item.get("pred_boxes_XYXY", torch.zeros(0, 4)), (-1, 4), f"{where}: pred_boxes_XYXY")
        scores = _array(item.get("scores", torch.ones(len(boxes))), (len(boxes),), f"{where}: scores")
        results = item.get("pred_densepose")
        results = getattr(results, "results", results) or []
        if not isinstance(results, list) or len(results) != len(boxes):
            raise InputError(f"{where}: has {len(boxes)} boxes but no list of as many results in pred_densepose")
        kept = [number for number in range(len(boxes)) if scores[number] >= least and min(_box_size(boxes[number])) > 0]
        return Entry(str(item["file_name"]), boxes[kept], scores[kept], [results[number] for number in kept])


def _array(values, shape: tuple[int, ...], where: str) -> np.ndarray:
    try:
        array = torch.as_tensor(values).detach().to(torch.float32).reshape(shape).numpy()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{where}: is no array of numbers of the right shape ({error})") from None
    if not np.isfinite(array).all():
        raise InputError(f"{where}: holds something else than finite numbers")
    return array


def _box_size(box: np.ndarray) -> tuple[int, int]:
    """Whole height and width of a box (4,) float32, as DensePose cuts them."""
    return int(box[3] - box[1]), int(box[2] - box[0])


def _chart(result, size: tuple[int, int], where: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels (h, w) and U, V (2, h, w) of a result of any kind. Raises InputError if it is no chart, or not of the box's `size` (h, w)."""
    if hasattr(result, "labels_uv_str"):
        result = (result.shape_chw, result.labels_uv_str)
    if hasattr(result, "labels") and hasattr(result, "uv"):
        labels, uv = result.labels, result.uv
    else:
        values = _decoded(result, where) if isinstance(result, tuple) else getattr(result, "labels_uv_uint8", None)
        if not isinstance(values, torch.Tensor) or values.ndim != 3 or len(values) != 3:
            raise InputError(f"{where}: a result is {type(result).__name__}, which holds no chart")
        labels, uv = values[0], (values[1:].float() + 0.5) / 255  # half a step up: cut to whole numbers again, they are the same
    if not all(isinstance(part, torch.Tensor) for part in (labels, uv)) or labels.shape != size or uv.shape != (2, *size):
        raise InputError(f"{where}: a chart does not have the size of its box, {size[1]}x{size[0]} pixels")
    if labels.min() < 0 or labels.max() > PARTS or not uv.isfinite().all():
        raise InputError(f"{where}: a chart holds other labels than 0..{PARTS}, or U and V that are no numbers")
    return labels, uv


def _decoded(result: tuple, where: str) -> torch.Tensor:
    """Chart (3, h, w) uint8 of (shape, PNG in base64)."""
    try:
        shape, text = result
        with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
            return torch.from_numpy(np.moveaxis(np.array(picture, np.uint8), -1, 0).reshape(tuple(shape)))
    except (ValueError, TypeError, OSError, SyntaxError) as error:
        raise InputError(f"{where}: a chart cannot be decoded ({error})") from None
