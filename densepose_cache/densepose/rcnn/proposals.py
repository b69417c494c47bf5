"""Region proposal network: features -> boxes that may hold a person."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import clip_boxes_to_image

from .backbone import CHANNELS
from .suppression import suppress

ASPECTS = (0.5, 1.0, 2.0)
"""Height over width of the anchors."""
STRIDES = (4, 8, 16, 32, 64)
"""Pixels between the anchors of a level. Their side, the root of their area, is eight times that."""
BEFORE = 1000
"""Boxes of a level that enter the suppression."""
AFTER = 1000
"""Boxes of a frame that leave it."""
OVERLAP = 0.7
"""Intersection over union above which the worse box goes."""

CODER = BoxCoder((1.0, 1.0, 1.0, 1.0))
"""What applies the network's deltas to anchors."""


def make_anchors(height: int, width: int, stride: int, device: torch.device) -> torch.Tensor:
    """Anchor boxes (height x width x 3, 4) float32 of a level, rows first, the aspects of a place next to each other."""
    cells = []
    for aspect in ASPECTS:
        w = math.sqrt((8.0 * stride) ** 2 / aspect)
        cells.append([-w / 2, -aspect * w / 2, w / 2, aspect * w / 2])
    y, x = torch.meshgrid(torch.arange(height) * float(stride), torch.arange(width) * float(stride), indexing="ij")
    places = torch.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4)
    return (places + torch.tensor(cells)).reshape(-1, 4).to(device)


class ProposalHead(nn.Module):
    """A level (B, 256, h, w) -> how much every anchor looks like an object (B, h w 3) and its deltas (B, h w 3, 4), float32."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.objectness_logits = nn.Conv2d(CHANNELS, len(ASPECTS), 1)
        self.anchor_deltas = nn.Conv2d(CHANNELS, 4 * len(ASPECTS), 1)

    def forward(self, level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = F.relu(self.conv(level), inplace=True).float()
        logits, deltas = (layer(x).permute(0, 2, 3, 1) for layer in (self.objectness_logits, self.anchor_deltas))
        return logits.flatten(1), deltas.reshape(len(x), -1, 4)


class ProposalNetwork(nn.Module):
    """Levels p2 to p6 and the frames' size in pixels -> boxes (B, R, 4) float32 in pixels, the best first, and which are real (B, R) bool.

    R is at most `AFTER`; frames that have fewer are filled up with boxes that are not real.
    """

    def __init__(self):
        super().__init__()
        self.rpn_head = ProposalHead()
        self._anchors = {}

    def forward(self, levels: list[torch.Tensor], height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        found = [self._level(level, stride, height, width) for level, stride in zip(levels, STRIDES, strict=True)]
        boxes, logits = (torch.cat(parts, dim=1) for parts in zip(*found, strict=True))
        logits, best = logits.topk(min(AFTER, logits.shape[1]), dim=1)
        real = logits > -math.inf
        most = int(real.sum(dim=1).max())
        return _take(boxes, best)[:, :most], real[:, :most]

    def _level(self, level: torch.Tensor, stride: int, height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Boxes (B, K, 4) of a level after its suppression, with their logits (B, K), -inf for those that went."""
        logits, deltas = self.rpn_head(level)
        logits, best = logits.topk(min(BEFORE, logits.shape[1]), dim=1)
        anchors = self._level_anchors(level, stride)[best]
        boxes = CODER.decode_single(_take(deltas, best).flatten(0, 1), anchors.flatten(0, 1)).view_as(anchors)
        finite = boxes.isfinite().all(dim=-1) & logits.isfinite()
        boxes = clip_boxes_to_image(boxes, (height, width)).masked_fill(~finite[..., None], 0)
        keep = suppress(boxes, finite & nonempty(boxes), OVERLAP)
        return boxes, logits.masked_fill(~keep, -math.inf)

    def _level_anchors(self, level: torch.Tensor, stride: int) -> torch.Tensor:
        key = (*level.shape[2:], stride, level.device)
        if key not in self._anchors:
            self._anchors[key] = make_anchors(*key)
        return self._anchors[key]


def nonempty(boxes: torch.Tensor) -> torch.Tensor:
    """Which of boxes (..., 4) have an area: (...) bool."""
    return (boxes[..., 2:] > boxes[..., :2]).all(dim=-1)


def _take(boxes: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows `index` (B, K) of `boxes` (B, n, 4)."""
    return boxes.gather(1, index[..., None].expand(-1, -1, 4))
