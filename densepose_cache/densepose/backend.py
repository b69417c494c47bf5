"""What the DensePose stage asks of a backend."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ..cache.shard import again
from ..cache.stack import Stack
from ..clips import Clip
from ..core.errors import InputError
from ..core.geometry import Geometry


@dataclass(frozen=True)
class ClipFrames:
    """The decoded frames of a `clip`.

    `rgb` (T, S, S, 3) uint8 is read from the shard when indexed. `source_frame` (T,) int32 numbers the frames in the
    video or folder, and `geometry` says how a source frame became a square one.
    """

    clip: Clip
    rgb: Stack
    source_frame: np.ndarray
    geometry: Geometry

    def read(self, start: int, stop: int) -> np.ndarray:
        """Frames start..stop-1, (N, S, S, 3) uint8. Raises InputError if the shard is damaged."""
        try:
            return self.rgb[start:stop]
        except OSError as error:
            raise InputError(f"{self.rgb.path}: clip {self.clip.name} is damaged ({error}); {again(self.rgb.path, 'decode')}") from None


class FrameMap(NamedTuple):
    """What a backend found on one frame.

    `iuv` (S, S, 3) uint8 in I, U, V order with one person on it, or None where nobody was found; `score` in [0, 1] of that person, NaN
    where there is none; `people`: how many there were to choose from; `near_tie`: another one was nearly as good a choice; `went_back`:
    the person of the frames before was a stranger (see `person.Follower`).
    """

    iuv: np.ndarray | None
    score: float = math.nan
    people: int = 0
    near_tie: bool = False
    went_back: bool = False


class Backend(Protocol):
    """A source of IUV maps. A detector reads the frames in batches; files are read by `source_frame` and moved by `geometry`.

    `name` says which one made a map: precomputed, detectron2, torchvision, embedded.
    """

    name: str

    def fingerprint(self, clip: Clip) -> dict:
        """Everything beside the frames that the maps of a clip depend on, as JSON values. Raises InputError if files are gone."""

    def maps(self, frames: ClipFrames) -> Iterator[FrameMap]:
        """What is on every frame, in order: a generator. Raises ClipError if this clip can have no maps, InputError if none can."""

    def keypoints(self, frames: ClipFrames) -> np.ndarray | None:
        """Exact COCO keypoints (T, 17, 3) float32 in pixels of the square frames, visibility 0 or 1; None where it has none."""
