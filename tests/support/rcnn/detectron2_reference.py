"""What detectron2's own one-image predictor finds with a checkpoint; needs detectron2 with its DensePose project."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from densepose_cache.densepose.backends.detectron2_network import model_config
from densepose_cache.densepose.paste import paste_chart

SCORE = 0.7


class Reference(NamedTuple):
    """People of one frame: boxes (N, 4), scores (N,), charts of the first few (P, C, 112, 112) and their IUV maps (P, H, W, 3)."""

    boxes: np.ndarray
    scores: np.ndarray
    charts: tuple[torch.Tensor, ...]
    maps: np.ndarray


def predict(model: str, weights: Path, frames: list[np.ndarray], size: int, people: int) -> list[Reference]:
    """The `Reference` of every frame (S, S, 3) RGB, seen at `size` pixels, with charts and maps of the first `people` people."""
    from detectron2.engine import DefaultPredictor

    cfg = model_config(model, SCORE, "cpu").clone()
    cfg.defrost()
    cfg.MODEL.WEIGHTS = str(weights)
    cfg.INPUT.MIN_SIZE_TEST = size
    predictor = DefaultPredictor(cfg)
    return [_reference(predictor(frame[..., ::-1])["instances"], len(frame), people) for frame in frames]


def _reference(found, size: int, people: int) -> Reference:
    boxes, scores = found.pred_boxes.tensor.numpy(), found.scores.numpy()
    if not len(found):
        return Reference(boxes, scores, (), np.zeros((0, size, size, 3), np.uint8))
    found = found[:people]
    charts = found.pred_densepose
    maps = np.stack([_instance_map(found[number], size) for number in range(len(found))])
    return Reference(boxes, scores, (charts.coarse_segm, charts.fine_segm, charts.u, charts.v), maps)


def _instance_map(person, size: int) -> np.ndarray:
    """With the DensePose project's own converter."""
    from densepose.converters import ToChartResultConverter

    chart = ToChartResultConverter.convert(person.pred_densepose, person.pred_boxes)
    left, top = (int(edge) for edge in person.pred_boxes.tensor[0, :2])
    return paste_chart(chart.labels, chart.uv, left, top, size, size)
