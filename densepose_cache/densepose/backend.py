"""What the DensePose stage asks of a backend."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import h5py
import numpy as np

from ..config import DensePoseSettings
from ..geometry import Geometry


@dataclass(frozen=True)
class ClipFrames:
    """The decoded frames of a clip.

    `row` is its row of the clip table. `rgb` (T, S, S, 3) uint8 is read from the shard when indexed. `source_frame` (T,) int32 numbers the
    frames in the video or folder, and `geometry` says how a source frame became a square one.
    """

    row: NamedTuple
    rgb: h5py.Dataset
    source_frame: np.ndarray
    geometry: Geometry

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """The frames (up to `size`, S, S, 3), in order."""
        for start in range(0, len(self.rgb), size):
            yield self.rgb[start : start + size]


class Backend(Protocol):
    """A source of IUV maps. A detector reads the frames in batches; files are read by `source_frame` and moved by `geometry`."""

    def fingerprint(self, row: NamedTuple) -> dict:
        """Everything beside the frames that the maps of a clip depend on, as JSON values. Raises InputError if there can be no maps."""

    def maps(self, clip: ClipFrames) -> Iterator[np.ndarray | None]:
        """For every frame its IUV map (S, S, 3) uint8 in I, U, V order with one person on it, or None where nobody was found."""

    def keypoints(self, clip: ClipFrames) -> np.ndarray | None:
        """Exact COCO keypoints (T, 17, 3) float32 in pixels of the square frames, visibility 0 or 1; None where the source has none."""


def make_backend(settings: DensePoseSettings, weights: Path) -> Backend:
    """The backend that `settings` name; `weights` is the folder of published weight files. Raises InputError where it cannot run."""
    if settings.backend == "precomputed":
        from .precomputed import Precomputed

        return Precomputed(settings.png_order)
    from .detector import Detector

    return Detector(settings, weights)
