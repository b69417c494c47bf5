"""DensePose R-CNN models of detectron2: their configurations by name, and how one is built and loaded.

The DensePose project's Python package does not carry its YAML files, so the few keys in which its published models differ from
detectron2's defaults stand here. Another configuration is given as the path of its YAML file.
"""

import importlib.util
import pickle
import sys
from pathlib import Path

from ..config import DensePoseSettings
from ..errors import InputError
from ..weights import find_weights

REPOSITORY = "git+https://github.com/facebookresearch/detectron2.git"
PIP = f"{sys.executable} -m pip install"
INSTALL = (
    f'{PIP} setuptools wheel && {PIP} --no-build-isolation "detectron2 @ {REPOSITORY}" && '
    f'{PIP} --no-build-isolation --no-deps "detectron2-densepose @ {REPOSITORY}#subdirectory=projects/DensePose"'
)
"""Needs a C++ compiler. It is built against the torch of this environment, hence without isolation."""

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
DEEPLAB = {"MODEL.ROI_DENSEPOSE_HEAD.NAME": "DensePoseDeepLabHead"}
MODELS = {
    "densepose_rcnn_R_50_FPN_s1x": {"MODEL.RESNETS.DEPTH": 50},
    "densepose_rcnn_R_101_FPN_s1x": {"MODEL.RESNETS.DEPTH": 101},
    "densepose_rcnn_R_50_FPN_DL_s1x": {"MODEL.RESNETS.DEPTH": 50, **DEEPLAB},
    "densepose_rcnn_R_101_FPN_DL_s1x": {"MODEL.RESNETS.DEPTH": 101, **DEEPLAB},
}
"""Published models: the keys in which they differ from `BASE`."""


def check_installed():
    """Raise InputError, with the command that mends it, if detectron2 or its DensePose project is missing."""
    missing = [name for name in ("detectron2", "densepose") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"the backend detectron2 needs the Python packages detectron2 and densepose, but {' and '.join(missing)} cannot be found; "
            f"run: {INSTALL} (built from source, a C++ compiler is needed), or bring IUV maps and set densepose.backend to precomputed"
        )


def weight_file(settings: DensePoseSettings, folder: Path) -> Path:
    """Path of the checkpoint that `settings` name, or of the published one of their model in `folder`.

    Raises InputError if it is missing, or the published one is another file.
    """
    if settings.weights is None:
        return find_weights(settings.model, folder)
    path = Path(settings.weights)
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint; correct densepose.weights, or set it to null for the published one")
    return path


def model_config(model: str, score: float, device: str):
    """The detectron2 configuration of `model` (a name in `MODELS` or the path of a YAML file), ready for inference. Raises InputError."""
    check_installed()
    from densepose import add_densepose_config
    from detectron2.config import get_cfg

    cfg = get_cfg()
    add_densepose_config(cfg)
    if model in MODELS:
        cfg.merge_from_list([item for pair in (BASE | MODELS[model]).items() for item in pair])
    elif Path(model).is_file():
        cfg.merge_from_file(model)
    else:
        raise InputError(f"densepose.model is {model!r}; known: {', '.join(MODELS)}, or the path of a DensePose YAML file")
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = score
    cfg.MODEL.DEVICE = device
    cfg.freeze()
    return cfg


def load_model(cfg, weights: Path):
    """The network of `cfg` in evaluation mode with the checkpoint `weights`.

    Raises InputError if the file cannot be read or is of another model.
    """
    from detectron2.checkpoint import DetectionCheckpointer
    from detectron2.modeling import build_model

    class Checkpointer(DetectionCheckpointer):
        """Remembers which parameters the file did not hold."""

        def _load_model(self, checkpoint):
            self.result = super()._load_model(checkpoint)
            return self.result

    model = build_model(cfg).eval()
    checkpointer = Checkpointer(model)
    try:
        checkpointer.load(str(weights))
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, AttributeError, TypeError, pickle.UnpicklingError) as error:
        raise InputError(f"{weights}: cannot be read as a checkpoint ({error}); fetch it again") from None
    lacking = [*checkpointer.result.missing_keys, *(key for key, *_ in checkpointer.result.incorrect_shapes)]
    if lacking:
        raise InputError(
            f"{weights}: is the checkpoint of another model: {len(lacking)} parameters, {lacking[0]} among them, are missing or of another "
            "shape; densepose.model and densepose.weights must belong together"
        )
    return model
