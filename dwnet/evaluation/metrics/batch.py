"""A few frames of one clip, as metrics take them."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Batch:
    """Frames with what stands beside them: `pixels` (B, S, S, 3) uint8 and the same as `images` (B, 3, S, S) float32 in [0, 1]."""

    pixels: np.ndarray
    images: torch.Tensor

    @classmethod
    def of(cls, pixels: np.ndarray, device: torch.device) -> "Batch":
        """A batch of frames (B, S, S, 3) uint8 on `device`."""
        images = torch.from_numpy(np.array(pixels)).to(device).permute(0, 3, 1, 2).float() / 255
        return cls(pixels, images)

    @property
    def size(self) -> int:
        """Side of the frames in pixels."""
        return self.pixels.shape[1]

    @property
    def constant(self) -> bool:
        """Whether all frames are the same, so that one of them need be looked at."""
        return bool((self.pixels == self.pixels[:1]).all())
