"""DensePose R-CNN of detectron2.

The DensePose project's Python package does not carry its YAML files, so the few keys in which its published models differ from
detectron2's defaults stand here. Another configuration is given as the path of its YAML file.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...core.errors import InputError
from ..chart import box_pixels, labels_and_uv
from ..network import Detections, resize
from ..paste import paste_chart
from ..precision import precision
from .checkpoint import read_checkpoint
from .install import check_installed
from .models import MODELS, known_models

BASE = {
    "VERSION": 2,
    "MODEL.META_ARCHITECTURE": "GeneralizedRCNN",
    "MODEL.BACKBONE.NAME": "build_resnet_fpn_backbone",
    "MODEL.RESNETS.OUT_FEATURES": ["res2", "res3", "res4", "res5"],
    "MODEL.FPN.IN_FEATURES": ["res2", "res3", "res4", "res5"],
    "MODEL.ANCHOR_GENERATOR.SIZES": [[32], [64], [128], [256], [512]],
    "MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS": [[0.5, 1.0, 2.0]],
    "MODEL.RPN.IN_FEATURES": ["p2", "p3", "p4", "p5", "p6"],
    "MODEL.RPN.PRE_NMS_TOPK_TEST": 1000,
    "MODEL.RPN.POST_NMS_TOPK_TEST": 1000,
    "MODEL.DENSEPOSE_ON": True,
    "MODEL.ROI_HEADS.NAME": "DensePoseROIHeads",
    "MODEL.ROI_HEADS.IN_FEATURES": ["p2", "p3", "p4", "p5"],
    "MODEL.ROI_HEADS.NUM_CLASSES": 1,
    "MODEL.ROI_BOX_HEAD.NAME": "FastRCNNConvFCHead",
    "MODEL.ROI_BOX_HEAD.NUM_FC": 2,
    "MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION": 7,
    "MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO": 2,
    "MODEL.ROI_BOX_HEAD.POOLER_TYPE": "ROIAlign",
    "MODEL.ROI_DENSEPOSE_HEAD.NAME": "DensePoseV1ConvXHead",
    "MODEL.ROI_DENSEPOSE_HEAD.POOLER_TYPE": "ROIAlign",
    "MODEL.ROI_DENSEPOSE_HEAD.NUM_COARSE_SEGM_CHANNELS": 2,
}
CONFIDENCES = {"WC1": "iid_iso", "WC2": "indep_aniso"}


def differences(model: str) -> dict:
    """The configuration keys in which the published `model`, a name in `MODELS`, differs from `BASE`.

    `DL` has a DeepLab head, `WC1` and `WC2` estimate the confidence of U and V, `M` that of the segmentation, too.
    """
    words = model.split("_")
    keys = {"MODEL.RESNETS.DEPTH": int(words[words.index("R") + 1])}
    if "DL" in words:
        keys["MODEL.ROI_DENSEPOSE_HEAD.NAME"] = "DensePoseDeepLabHead"
    for word in words:
        if word.rstrip("M") in CONFIDENCES:
            keys["MODEL.ROI_DENSEPOSE_HEAD.UV_CONFIDENCE.ENABLED"] = True
            keys["MODEL.ROI_DENSEPOSE_HEAD.UV_CONFIDENCE.TYPE"] = CONFIDENCES[word.rstrip("M")]
            keys["MODEL.ROI_DENSEPOSE_HEAD.SEGM_CONFIDENCE.ENABLED"] = word.endswith("M")
    return keys


class Detectron2Network:
    """A DensePose R-CNN of detectron2 as a `Network`; see there for shapes.

    `model` is a name in `MODELS` or the path of a YAML file, `weights` its checkpoint, `score` the lowest score in [0, 1] that counts,
    `input_size` the side in pixels of what the network sees, `autocast` the number format of its convolutions, None for float32.
    Raises InputError if detectron2 is missing, or the checkpoint cannot be read or is of another model.
    """

    def __init__(self, model: str, weights: Path, score: float, input_size: int, device: torch.device, autocast: torch.dtype | None):
        cfg = model_config(model, score, str(device))
        self._model = load_rcnn(cfg, weights)
        self._device, self._autocast, self._size = device, autocast, input_size
        self._bgr = cfg.INPUT.FORMAT == "BGR"

    def finer(self, times: int) -> "Detectron2Network":
        """The same network, which sees the frames `times` as large."""
        other = copy.copy(self)
        other._size = times * self._size
        return other

    def prepare(self, frame: np.ndarray) -> dict:
        """As detectron2's own predictor prepares a picture: resized, then channels as the model wants them."""
        picture = resize(frame, self._size)
        if self._bgr:
            picture = picture[..., ::-1]
        planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
        return {"image": planes, "height": frame.shape[0], "width": frame.shape[1]}

    def detect(self, prepared: list[dict]) -> Detections:
        """Everything but the chart head."""
        from detectron2.modeling.postprocessing import detector_postprocess
        from detectron2.structures import Instances

        height, width = prepared[0]["height"], prepared[0]["width"]
        with torch.inference_mode(), self._precision():
            images = self._model.preprocess_image([{"image": frame["image"].to(self._device).float()} for frame in prepared])
            features = self._model.backbone(images.tensor)
            proposals, _ = self._model.proposal_generator(images, features, None)
            people = self._model.roi_heads._forward_box(features, proposals)
        kept, boxes, scores = [], [], []
        for person in people:
            number = torch.arange(len(person), device=person.scores.device)
            copy = Instances(person.image_size, pred_boxes=person.pred_boxes.clone(), scores=person.scores, number=number)
            seen = detector_postprocess(copy, height, width)
            kept.append(person[seen.number])
            boxes.append(seen.pred_boxes.tensor.float().cpu().numpy())
            scores.append(seen.scores.float().cpu().numpy())
        return Detections(boxes, scores, (features, kept, (height, width)))

    def maps(self, detections: Detections, chosen: list[int | None]) -> list[np.ndarray | None]:
        """The chart head, for the chosen people alone."""
        features, people, shape = detections.state
        wanted = [person[[] if number is None else [number]] for person, number in zip(people, chosen, strict=True)]
        with torch.inference_mode(), self._precision():
            drawn = self._model.roi_heads.forward_with_given_boxes(features, wanted)
        return [
            None if number is None else chart_map(person.pred_densepose, box[number], *shape)
            for person, box, number in zip(drawn, detections.boxes, chosen, strict=True)
        ]

    def _precision(self):
        return precision(self._device, self._autocast)


def chart_map(outputs: Any, box: np.ndarray, height: int, width: int) -> np.ndarray:
    """IUV map (height, width, 3) uint8 of one person: chart `outputs` of the head, and the `box` (4,) in frame pixels."""
    labels, uv = labels_and_uv(outputs.coarse_segm, outputs.fine_segm, outputs.u, outputs.v, box)
    return paste_chart(labels, uv, *box_pixels(box)[:2], height, width)


def model_config(model: str, score: float, device: str):
    """The detectron2 configuration of `model` (a name in `MODELS` or the path of a YAML file), ready for inference. Raises InputError."""
    check_installed()
    from densepose import add_densepose_config
    from detectron2.config import get_cfg

    cfg = get_cfg()
    add_densepose_config(cfg)
    if model in MODELS:
        cfg.merge_from_list([item for pair in (BASE | differences(model)).items() for item in pair])
    elif Path(model).is_file():
        cfg.merge_from_file(model)
    else:
        raise InputError(f"densepose.model is {model!r}; {known_models()}, or give the path of a DensePose YAML file")
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = score
    cfg.MODEL.DEVICE = device
    cfg.freeze()
    return cfg


def load_rcnn(cfg, weights: Path):
    """The network of `cfg` in evaluation mode with the checkpoint `weights`.

    Raises InputError if the file cannot be read or is of another model.
    """
    from detectron2.modeling import build_model

    model = build_model(cfg).eval()
    found, wanted = read_checkpoint(weights), model.state_dict()
    lacking = [name for name, value in wanted.items() if name not in found or found[name].shape != value.shape]
    if lacking:
        raise InputError(
            f"{weights}: is the checkpoint of another model: {len(lacking)} parameters, {lacking[0]} among them, are missing or of another "
            "shape; densepose.model and densepose.weights must belong together"
        )
    model.load_state_dict({name: found[name] for name in wanted})
    return model
