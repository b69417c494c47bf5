"""DensePose R-CNN for inference on operators of torch and torchvision alone, with detectron2's checkpoints.

It follows detectron2's numbers throughout, up to rounding: how frames are prepared, anchors, the order in which boxes are decoded, cut,
dropped and suppressed, how regions are pooled. It differs where that costs nothing: frames go through in batches, frozen normalisations
are folded into the convolutions, and the decoder and the chart head run for the chosen person of a frame alone.
"""

import copy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import clip_boxes_to_image

from ...core.errors import InputError
from ..chart import box_pixels, labels_and_uv
from ..network import Detections, resize
from ..paste import paste_chart
from ..precision import precision
from ..rcnn.backbone import FeaturePyramid
from ..rcnn.charts import POOLED as CHART_SIDE
from ..rcnn.charts import ChartPredictor, Charts, ConvolutionHead, DeepLabHead
from ..rcnn.decoder import CELL, STRIDE, Decoder
from ..rcnn.folding import fold_frozen_norms
from ..rcnn.people import POOLED as REGION_SIDE
from ..rcnn.people import BoxHead, BoxPredictor, channels_last_input, select_people
from ..rcnn.pooling import as_table, pool, pool_levels
from ..rcnn.proposals import ProposalNetwork, nonempty
from ..rcnn.variants import Variant, parse_variant
from .checkpoint import read_checkpoint

PIXEL_MEAN = (103.530, 116.280, 123.675)
"""Of blue, green and red, 0..255."""
OBSOLETE = ("pixel_mean", "pixel_std", "proposal_generator.anchor_generator.cell_anchors.")
"""Names, or beginnings of names, that older checkpoints hold though they are no parameters."""


class DensePoseRCNN(nn.Module):
    """The network of a `Variant`. Its predictors compute in float32, all that stands before them in the number format of `convert`."""

    def __init__(self, variant: Variant):
        super().__init__()
        self.backbone = FeaturePyramid(variant.depth)
        self.proposal_generator = ProposalNetwork()
        self.roi_heads = nn.Module()
        self.roi_heads.box_head = BoxHead()
        self.roi_heads.box_predictor = BoxPredictor()
        self.roi_heads.decoder = Decoder()
        self.roi_heads.densepose_head = DeepLabHead() if variant.deeplab else ConvolutionHead()
        self.roi_heads.densepose_predictor = ChartPredictor(variant.segmentation_confidence)
        self.dtype = torch.float32

    def convert(self, dtype: torch.dtype):
        """Let everything but the predictors compute in `dtype`."""
        heads = self.roi_heads
        for module in (self.backbone, self.proposal_generator.rpn_head.conv, heads.box_head, heads.decoder, heads.densepose_head):
            module.to(dtype)
        self.dtype = dtype

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """`images` (B, h, w, 3) uint8 in B, G, R order -> levels p2 to p6 of the feature pyramid."""
        pixels = images.permute(0, 3, 1, 2) - torch.tensor(PIXEL_MEAN).to(images.device, non_blocking=True)[:, None, None]
        height, width = pixels.shape[2:]
        pixels = F.pad(pixels, (0, -width % CELL, 0, -height % CELL))
        return self.backbone(pixels.to(self.dtype))

    def people(self, levels: list[torch.Tensor], height: int, width: int, score: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Boxes (B, P, 4) float32 and scores (B, P) of the people above `score`; see `select_people`. Height and width are the images'."""
        proposals, real = self.proposal_generator(levels, height, width)
        regions = pool_levels(levels[:4], proposals, REGION_SIDE)
        scores, deltas = self.roi_heads.box_predictor(self.roi_heads.box_head(regions.to(self.dtype)))
        return select_people(proposals, real, scores.view(real.shape), deltas.view(proposals.shape), height, width, score)

    def charts(self, levels: list[torch.Tensor], frames: list[int], boxes: np.ndarray) -> Charts:
        """The charts of N people: `boxes` (N, 4) float32 in pixels of the images, on those `frames` of the batch (N numbers)."""
        windows, origins = self.roi_heads.decoder(levels[:4], frames, boxes)
        count, height, width = len(frames), *windows.shape[2:]
        local = boxes / STRIDE - np.tile(origins, 2).astype(np.float32)
        row = torch.arange(count) * (height * width)
        shape = torch.tensor([height, width]).expand(count, 2)
        row, shape, local = (values.to(windows.device, non_blocking=True) for values in (row, shape, torch.from_numpy(local)))
        regions = pool(as_table(windows), row, shape, local, CHART_SIDE)
        regions = regions.view(count, CHART_SIDE, CHART_SIDE, -1).permute(0, 3, 1, 2)
        return self.roi_heads.densepose_predictor(self.roi_heads.densepose_head(regions.to(self.dtype)))


def load_rcnn(model: str, weights: Path) -> DensePoseRCNN:
    """The network named `model` with the checkpoint `weights`, on the CPU, in evaluation mode.

    Raises InputError if the name is unknown, or the file cannot be read or is of another model.
    """
    variant = parse_variant(model)
    with torch.device("meta"):
        network = DensePoseRCNN(variant)
    wanted = network.state_dict()
    found = {name: value for name, value in read_checkpoint(weights).items() if not name.startswith(OBSOLETE)}
    unused = [f"{layer}.{kind}" for layer in variant.unused for kind in ("weight", "bias")]
    lacking = [name for name in unused if found.pop(name, None) is None]
    found = fold_frozen_norms(found)
    lacking += [name for name, value in wanted.items() if name not in found or found[name].shape != value.shape]
    if lacking:
        raise InputError(
            f"{weights}: is the checkpoint of another model: {len(lacking)} parameters, {lacking[0]} among them, are missing or of another "
            "shape; densepose.model and densepose.weights must belong together"
        )
    unknown = sorted(found.keys() - wanted.keys())
    if unknown:
        raise InputError(
            f"{weights}: is the checkpoint of another model: {model} has no place for {len(unknown)} of its parameters, {unknown[0]} among "
            "them; densepose.model and densepose.weights must belong together"
        )
    kernel = "roi_heads.box_head.fc1.weight"
    found[kernel] = channels_last_input(found[kernel])
    network.load_state_dict({name: value.float() for name, value in found.items()}, assign=True)
    return network.eval().requires_grad_(False)


class Prepared(NamedTuple):
    """A frame as the network takes it: `image` (s, s, 3) uint8 in B, G, R order, and the frame's own height and width."""

    image: torch.Tensor
    height: int
    width: int


class State(NamedTuple):
    """What is left of a batch for the charts: levels of the pyramid, boxes (P, 4) of every frame in pixels of the images, frame size."""

    levels: list[torch.Tensor]
    boxes: list[np.ndarray]
    height: int
    width: int


class TorchvisionNetwork:
    """A DensePose R-CNN as a `Network`; see there for shapes.

    `model` is the name of a published configuration, `weights` its checkpoint, `score` in [0, 1] the score above which a box counts,
    `input_size` the side in pixels of what the network sees, `autocast` the number format of its convolutions, None for float32.
    Raises InputError if the name is unknown, or the checkpoint cannot be read or is of another model.
    """

    def __init__(self, model: str, weights: Path, score: float, input_size: int, device: torch.device, autocast: torch.dtype | None):
        self.model = load_rcnn(model, weights)
        self.model.convert(autocast or torch.float32)
        self.model.to(device, memory_format=torch.channels_last)
        self._device, self._score, self._size = device, score, input_size

    def finer(self, times: int) -> "TorchvisionNetwork":
        """The same network, which sees the frames `times` as large."""
        other = copy.copy(self)
        other._size = times * self._size
        return other

    def prepare(self, frame: np.ndarray) -> Prepared:
        """Resized as detectron2's predictor does it, channels turned round; in pinned memory where there is a GPU to copy it to."""
        image = torch.from_numpy(np.ascontiguousarray(resize(frame, self._size)[..., ::-1]))
        return Prepared(image.pin_memory() if self._device.type == "cuda" else image, *frame.shape[:2])

    def detect(self, prepared: list[Prepared]) -> Detections:
        """Everything but the decoder and the chart head."""
        height, width = prepared[0].height, prepared[0].width
        with torch.inference_mode(), precision(self._device, None):
            images = torch.stack([frame.image.to(self._device, non_blocking=True) for frame in prepared])
            levels = self.model.features(images)
            boxes, scores = self.model.people(levels, *images.shape[1:3], self._score)
            ratios = torch.tensor([width / images.shape[2], height / images.shape[1]]).repeat(2)
            found = torch.cat([boxes, scores[..., None]], dim=-1).cpu()
            boxes, scores = found[..., :4], found[..., 4]
            in_frame = clip_boxes_to_image(boxes * ratios, (height, width))
            kept = (scores >= 0) & nonempty(in_frame)
        pairs = list(zip(boxes, in_frame, scores, kept, strict=True))
        state = State(levels, [box[keep].numpy() for box, _, _, keep in pairs], height, width)
        return Detections([box[keep].numpy() for _, box, _, keep in pairs], [score[keep].numpy() for _, _, score, keep in pairs], state)

    def maps(self, detections: Detections, chosen: list[int | None]) -> list[np.ndarray | None]:
        """Decoder and chart head for the chosen people, in one batch."""
        state, maps = detections.state, [None] * len(chosen)
        frames = [frame for frame, person in enumerate(chosen) if person is not None]
        if not frames:
            return maps
        boxes = np.stack([state.boxes[frame][chosen[frame]] for frame in frames])
        with torch.inference_mode(), precision(self._device, None):
            charts = self.model.charts(state.levels, frames, boxes)
            for number, frame in enumerate(frames):
                box = detections.boxes[frame][chosen[frame]]
                labels, uv = labels_and_uv(*(values[number : number + 1] for values in charts), box)
                maps[frame] = paste_chart(labels, uv, *box_pixels(box)[:2], state.height, state.width)
        return maps
