"""What the detector asks of a DensePose R-CNN, whoever implements it."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Detections:
    """The people on a batch of B frames of height H and width W.

    `boxes` B arrays (N, 4) float32: left, top, right, bottom in pixels of the frame; `scores` B arrays (N,) float32 in [0, 1], falling.
    `state` is the network's own: what it needs to draw the charts of some of these people.
    """

    boxes: list[np.ndarray]
    scores: list[np.ndarray]
    state: Any


class Network(Protocol):
    """A DensePose R-CNN in two steps, so that the expensive chart head runs for the chosen people alone."""

    def prepare(self, frame: np.ndarray) -> Any:
        """One frame (H, W, 3) uint8 RGB as `detect` takes it. Needs no GPU and may be called from another thread."""

    def finer(self, times: int) -> "Network":
        """The same network, which sees the frames `times` as large, for people who are small on them."""

    def detect(self, prepared: list) -> Detections:
        """The people on a batch of prepared frames, all of one size."""

    def maps(self, detections: Detections, chosen: list[int | None]) -> list[np.ndarray | None]:
        """For every frame the IUV map (H, W, 3) uint8 of person number `chosen`; None where that is None."""


def resize(frame: np.ndarray, size: int) -> np.ndarray:
    """The square `frame` (S, S, 3) uint8 at `size` x `size`, bilinear, bit for bit as detectron2's predictor resizes it."""
    return np.asarray(Image.fromarray(frame).resize((size, size), Image.Resampling.BILINEAR))
