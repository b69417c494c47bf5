"""What a measure is: metrics with what they need from a few real and generated frames of a clip."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch


@dataclass(frozen=True)
class FrameBatch:
    """Frames of one clip: `pixels` (B, S, S, 3) uint8 and the same as `images` (B, 3, S, S) float32 in [0, 1]."""

    pixels: np.ndarray
    images: torch.Tensor

    @classmethod
    def of(cls, pixels: np.ndarray, device: torch.device) -> "FrameBatch":
        """A batch of frames (B, S, S, 3) uint8 on `device`."""
        images = torch.from_numpy(np.array(pixels)).to(device).permute(0, 3, 1, 2).float() / 255
        return cls(pixels, images)

    def last(self) -> "FrameBatch":
        """The last frame alone."""
        return FrameBatch(self.pixels[-1:], self.images[-1:])

    @property
    def size(self) -> int:
        """Side of the frames in pixels."""
        return self.pixels.shape[1]

    @property
    def constant(self) -> bool:
        """Whether all frames are the same, so that one of them need be looked at."""
        return bool((self.pixels == self.pixels[:1]).all())


@dataclass(frozen=True)
class Observation:
    """What a measure saw on the B frames of a batch."""

    batch: FrameBatch
    seen: Any = None
    """What `compare` and `errors` of the same measure need of it: feature maps, joints; None where they look at the frames themselves."""
    pooled: np.ndarray | None = None
    """Features (B, D) float32 of the measure's Frechet distance; None where it has none."""


@dataclass(frozen=True)
class Steps:
    """The way from the frame before to each of B driving frames.

    `index` (B, S, S) int64 is the coarse grid, `visible` (B, S, S) bool where it has a correspondence: nowhere for a clip's first frame.
    """

    index: torch.Tensor
    visible: torch.Tensor


class Measure(Protocol):
    """Metrics that share what they need: `observe` looks at frames once, `compare` at two such observations.

    What was seen on the real frames serves the model and all baselines. Measures inherit from this class and replace what they have.
    """

    names: tuple[str, ...] = ()
    """Metrics of single frames, those that `compare` gives."""
    changes: tuple[str, ...] = ()
    """Metrics of a frame and the one before it, those that `change` gives."""
    of_real: bool = False
    """Whether `change` tells something of the real frames alone, too."""
    extractor: dict[str, dict] | None = None
    """Facts about its network (file, SHA-256) by the network's name; None without a network."""
    frechet: str | None = None
    """Name of the Frechet distance of the `pooled` features of its observations; None without one."""
    detector: str | None = None
    """Name of the keypoint detector whose own error `errors` gives; None without one."""

    def observe(self, batch: FrameBatch) -> Observation:
        """What there is to see on the frames; nothing for metrics that compare the frames themselves."""
        return Observation(batch)

    def compare(self, real: Observation, generated: Observation, body: torch.Tensor) -> dict[str, torch.Tensor | np.ndarray]:
        """Values (B,) of the metrics `names` for every frame, NaN where a frame has none; `body` (B, S, S) bool is the driving map's."""
        return {}

    def last(self, observation: Observation) -> Observation:
        """What was seen on the last frame, as far as `change` needs it."""
        return Observation(observation.batch.last())

    def change(
        self, before: tuple[Observation, Observation] | None, real: Observation, generated: Observation, body: torch.Tensor, steps: Steps
    ) -> dict[str, torch.Tensor]:
        """Values (B,) of the metrics `changes` for every frame, NaN where a frame has none.

        `before` is the `last` real and generated frame of the batch before, None at the beginning of a clip, whose first frame has no
        value.
        """
        return {}

    def errors(self, real: Observation, exact: np.ndarray, body: torch.Tensor) -> list[float]:
        """The detector's error in every real frame, from the exact joints (B, 17, 3), in pixels at 256x256; NaN where it found nobody on
        the body (B, S, S). Nothing without a detector."""
        return []

    def close(self):
        """Free what the measure holds beyond memory; nothing for most."""
