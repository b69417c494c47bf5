"""What the names of the published DensePose R-CNN models mean."""

import re
from dataclasses import dataclass

from ...core.errors import InputError

PATTERN = re.compile(r"densepose_rcnn_R_(?P<depth>50|101)_FPN(?P<deeplab>_DL)?(_WC(?P<confidence>[12])(?P<segmentation>M)?)?_s1x")
UV_CONFIDENCES = {None: (), "1": ("sigma_2",), "2": ("sigma_2", "kappa_u", "kappa_v")}


@dataclass(frozen=True)
class Variant:
    """One published model.

    `depth` of its ResNet: 50 or 101. `deeplab`: the chart head is a DeepLab (DL), else eight plain convolutions. `segmentation_confidence`
    (M): the segmentations are multiplied by an estimate of how certain they are. `unused` are layers of the checkpoint that estimate how
    certain U and V are (WC1, WC2), which no map depends on.
    """

    depth: int
    deeplab: bool
    segmentation_confidence: bool
    unused: tuple[str, ...]


def parse_variant(model: str) -> Variant:
    """What `model` names. Raises InputError for another name."""
    found = PATTERN.fullmatch(model)
    if not found:
        raise InputError(
            f"densepose.model is {model!r}, which the backend torchvision does not know; it knows densepose_rcnn_R_50_FPN_s1x and the like "
            "with R_101 and with _DL, _WC1, _WC2, _WC1M or _WC2M before _s1x; set densepose.backend to detectron2 for any other"
        )
    unused = tuple(f"roi_heads.densepose_predictor.{name}_lowres" for name in UV_CONFIDENCES[found["confidence"]])
    return Variant(int(found["depth"]), bool(found["deeplab"]), bool(found["segmentation"]), unused)
