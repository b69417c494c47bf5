"""Keypoint R-CNN (Mask R-CNN with a keypoint head, ResNet-50 FPN, COCO) from torchvision as a keypoint detector."""

import pickle
from pathlib import Path

import numpy as np
import torch
from torchvision.models.detection import keypointrcnn_resnet50_fpn

from densepose_cache.core.coco import JOINTS
from densepose_cache.core.errors import InputError

NAME = "keypointrcnn"
PERSON_SCORE = 0.7
"""People detected with a lower score do not count."""
JOINT_SCORE = 2.0
"""A joint is present if its heatmap's logit is at least this."""


class KeypointRcnn:
    """Detector over single frames on `device`. Raises InputError if the weights file is not one of this network."""

    name = NAME

    def __init__(self, weights: Path, device: torch.device | str = "cpu"):
        self.weights, self.device = Path(weights), torch.device(device)
        model = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        try:
            model.load_state_dict(torch.load(self.weights, map_location="cpu", weights_only=True))
        except (RuntimeError, OSError, KeyError, ValueError, pickle.UnpicklingError) as error:
            raise InputError(f"{weights}: no weights of torchvision's keypointrcnn_resnet50_fpn ({str(error)[:200]})") from None
        self._model = model.eval().to(self.device)

    @torch.inference_mode()
    def detect(self, frame: np.ndarray) -> np.ndarray:
        """Joints (P, 17, 3) float32 of the people in `frame` (H, W, 3) uint8 RGB."""
        image = torch.from_numpy(np.ascontiguousarray(frame)).to(self.device).permute(2, 0, 1) / 255
        return joints_of(self._model([image])[0])

    def close(self):
        """Free the network; `detect` cannot be called afterwards."""
        del self._model


def joints_of(detections: dict[str, torch.Tensor]) -> np.ndarray:
    """(P, 17, 3) float32 joints of the people in torchvision's `detections` who count, the highest score first.

    These are `scores` (N,), `keypoints` (N, 17, 3) and `keypoints_scores` (N, 17).
    """
    scores, order = detections["scores"].sort(descending=True, stable=True)
    order = order[scores >= PERSON_SCORE]
    joints = np.zeros((len(order), len(JOINTS), 3), np.float32)
    joints[..., :2] = detections["keypoints"][order, :, :2].cpu().numpy() - 0.5
    joints[..., 2] = (detections["keypoints_scores"][order] >= JOINT_SCORE).cpu().numpy()
    return joints
