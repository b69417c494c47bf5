"""The IUV network that ships with the package, as the detector asks for it: a silhouette on the whole frame, then a person's crop."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from ...iuv_network.both_ways import both_ways
from ...iuv_network.framing import FRAME, Crop, crop_around
from ...iuv_network.model import PredictedMaps
from ...iuv_network.paint import one_person, paint
from ...iuv_network.training.losses import to_input
from ...iuv_network.weights import WEIGHTS, load_weights
from ..network import Detections
from ..precision import precision

SMALLEST = 0.004
"""A person covers at least this share of the frame."""


@dataclass(frozen=True)
class Prepared:
    """A square frame (S, S, 3) uint8 and its copy (FRAME, FRAME, 3) uint8 for the first pass, or a finer one."""

    frame: np.ndarray
    small: np.ndarray


class EmbeddedNetwork:
    """Two passes of one small network; `docs/iuv-network.md` says what it reaches and where it fails.

    `device` and `autocast` (None is float32) say where and in which number format it runs. Silhouettes whose mean probability is below
    `score` in [0, 1] are nobody. `weights` is a file that `make iuv-model` made. People who touch are one person to the
    first pass. Raises InputError if the weights file is missing or none.
    """

    def __init__(
        self,
        device: torch.device | str = "cpu",
        autocast: torch.dtype | None = None,
        score: float = 0.5,
        weights: Path = WEIGHTS,
    ):
        self.device, self.autocast, self.score = torch.device(device), autocast, score
        self.network = load_weights(weights, self.device)
        self._times = 1

    def finer(self, times: int) -> "EmbeddedNetwork":
        """The same network, whose first pass sees the frame `times` as large."""
        other = copy.copy(self)
        other._times = times
        return other

    def prepare(self, frame: np.ndarray) -> Prepared:
        """A square frame (S, S, 3) uint8 RGB and what the first pass sees of it."""
        small = Image.fromarray(frame).resize((FRAME * self._times,) * 2, Image.Resampling.BILINEAR)
        return Prepared(frame, np.asarray(small))

    def detect(self, prepared: list[Prepared]) -> Detections:
        """The people on a batch of prepared frames: pieces of the silhouette, largest score first. The state is the frames."""
        maps = self._forward(self.network, [one.small for one in prepared])
        boxes, scores = [], []
        for probability, one in zip(torch.sigmoid(maps.silhouette).cpu().numpy(), prepared, strict=True):
            found = people(probability, one.frame.shape[:2], self.score, SMALLEST / self._times**2)
            boxes.append(np.array([box for _, box in found], np.float32).reshape(-1, 4))
            scores.append(np.array([score for score, _ in found], np.float32))
        return Detections(boxes, scores, prepared)

    def maps(self, detections: Detections, chosen: list[int | None]) -> list[np.ndarray | None]:
        """For every frame the IUV map (S, S, 3) uint8 of person number `chosen`; None where that is None."""
        boxes = [None if k is None else detections.boxes[b][k] for b, k in enumerate(chosen)]
        crops = {b: crop_around(box, detections.state[b].frame.shape[:2]) for b, box in enumerate(boxes) if box is not None}
        drawn: list[np.ndarray | None] = [None] * len(chosen)
        for shape in {crop.shape for crop in crops.values()}:
            members = [b for b, crop in crops.items() if crop.shape == shape]
            found = self._forward(partial(both_ways, self.network), [cut_out(detections.state[b].frame, crops[b]) for b in members])
            side = detections.state[members[0]].frame.shape[:2]
            for b, iuv in zip(members, paint(found, [crops[b] for b in members], *side), strict=True):
                drawn[b] = one_person(iuv, boxes[b])
        return drawn

    @torch.inference_mode()
    def _forward(self, network: Callable[[torch.Tensor], PredictedMaps], pictures: list[np.ndarray]) -> PredictedMaps:
        """Maps, float32, that `network` makes of pictures (H, W, 3) uint8 of one size."""
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(self.device)
        with precision(self.device, self.autocast):
            maps = network(to_input(images))
        return PredictedMaps(maps.silhouette.float(), maps.parts.float(), maps.uv.float())


def people(probability: np.ndarray, frame: tuple[int, int], lowest: float, smallest: float = SMALLEST) -> list[tuple[float, list[float]]]:
    """Score and box (left, top, right, bottom in pixels of a `frame` of this height and width) of every piece of a silhouette (h, w)
    that covers the share `smallest` of it at least."""
    height, width = probability.shape
    pieces, _ = ndimage.label(probability > 0.5, np.ones((3, 3)))
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(pieces), 1):
        mine = pieces[rows, columns] == number
        score = float(probability[rows, columns][mine].mean())
        if mine.sum() < smallest * probability.size or score < lowest:
            continue
        y, x = frame[0] / height, frame[1] / width
        found.append((score, [columns.start * x, rows.start * y, columns.stop * x, rows.stop * y]))
    return sorted(found, reverse=True)


def cut_out(frame: np.ndarray, crop: Crop) -> np.ndarray:
    """The part `crop` of a frame, scaled to its input size."""
    box = (crop.left, crop.top, min(crop.left + crop.width, frame.shape[1]), min(crop.top + crop.height, frame.shape[0]))
    return np.asarray(Image.fromarray(frame).resize(crop.shape[::-1], Image.Resampling.BILINEAR, box))
