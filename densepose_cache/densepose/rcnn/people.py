"""Box head: proposals -> the boxes of people, with scores (Girshick, Fast R-CNN)."""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import clip_boxes_to_image

from .backbone import CHANNELS
from .suppression import suppress

POOLED = 7
"""Side of a pooled region."""
OVERLAP = 0.5
"""Intersection over union above which the worse box goes."""
MOST = 100
"""People of a frame."""
CODER = BoxCoder((10.0, 10.0, 5.0, 5.0))
"""What applies the network's deltas to boxes."""


class BoxHead(nn.Module):
    """Pooled regions (M, 7 7, 256) -> features (M, 1024)."""

    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(POOLED * POOLED * CHANNELS, 1024)
        self.fc2 = nn.Linear(1024, 1024)

    def forward(self, regions: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.fc1(regions.flatten(1)).relu_()).relu_()


def channels_last_input(weight: torch.Tensor) -> torch.Tensor:
    """The kernel (1024, 256 7 7) of `fc1` in a checkpoint for regions whose channels come last: (1024, 7 7 256)."""
    return weight.unflatten(1, (CHANNELS, POOLED * POOLED)).transpose(1, 2).flatten(1)


class BoxPredictor(nn.Module):
    """Features (M, 1024) -> scores (M,) of being a person and deltas (M, 4), float32."""

    def __init__(self):
        super().__init__()
        self.cls_score = nn.Linear(1024, 2)
        self.bbox_pred = nn.Linear(1024, 4)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = features.float()
        return F.softmax(self.cls_score(features), dim=-1)[:, 0], self.bbox_pred(features)


def select_people(
    proposals: torch.Tensor, real: torch.Tensor, scores: torch.Tensor, deltas: torch.Tensor, height: int, width: int, score: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes (B, P, 4) float32 in pixels and scores (B, P) of the people, the best first; a score of -1 fills up frames with fewer than P.

    `proposals` (B, R, 4), which of them are `real` (B, R), their `scores` (B, R) and `deltas` (B, R, 4); frames of `height` and `width`
    pixels. Those of a frame whose scores are above `score` compete by overlap; the best `MOST` are left.
    """
    boxes = CODER.decode_single(deltas.flatten(0, 1), proposals.flatten(0, 1)).view_as(proposals)
    valid = real & boxes.isfinite().all(dim=-1) & scores.isfinite() & (scores > score)
    boxes = clip_boxes_to_image(boxes, (height, width)).masked_fill(~valid[..., None], 0)
    scores, order = scores.masked_fill(~valid, -1).sort(dim=1, descending=True)
    boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4))
    keep = suppress(boxes, scores >= 0, OVERLAP)
    scores, best = scores.masked_fill(~keep, -1).topk(min(MOST, scores.shape[1]), dim=1)
    return boxes.gather(1, best[..., None].expand(-1, -1, 4)), scores
