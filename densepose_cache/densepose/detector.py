"""Backends that run a network on the decoded frames: `detectron2`, `torchvision` with the same weights, and the small `embedded` one."""

import copy
import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from ..clips import Clip
from ..config import DensePoseSettings
from ..core.batching import FittingBatches
from ..storage.digest import file_sha256
from .backend import ClipFrames, FrameMap
from .backends.install import missing_packages
from .backends.models import weight_file
from .choice import choose_backend
from .network import Network
from .person import Follower, distinct
from .search import USUAL, People, Search
from .steady import SteadyBoxes

READERS = max(1, min(4, (os.cpu_count() or 1) // 2))
"""Threads that read and resize the next batches while the network works on one."""


class Detector:
    """One person a clip, followed over time (see `Follower`); the chart head runs for that person alone."""

    def __init__(self, settings: DensePoseSettings, weights: Path):
        self.settings, self.folder = settings, weights
        self.name = choose_backend(settings, weights).backend
        if self.name == "rcnn":
            self.name = "torchvision" if missing_packages() else "detectron2"
        self._network: Network | None = None
        self._fitting = FittingBatches(settings.batch, "frame", "lower densepose.input_size, or set densepose.device: cpu")

    def fingerprint(self, clip: Clip) -> dict:
        """Model, digest of its weights, score threshold, input size and precision; the same for every clip.

        The name of the R-CNN's backend is no part of it: both give the same maps. Raises InputError if the weights are missing.
        """
        settings = self.settings
        if self.name == "embedded":
            from ..iuv_network.weights import WEIGHTS

            return {"embedded": settings.model_dump(include={"score", "precision", "smooth"}), "weights": file_sha256(WEIGHTS)}
        config = file_sha256(Path(settings.model)) if Path(settings.model).is_file() else None
        weights = file_sha256(weight_file(settings, self.folder))
        keys = settings.model_dump(include={"model", "score", "input_size", "precision"})
        return {"densepose": keys, "config": config, "weights": weights}

    @property
    def needed(self) -> float:
        """Share of a frame's side that people must be tall to be found well."""
        return 0.4 if self.name == "embedded" else 0.1

    def maps(self, frames: ClipFrames, search: Search = USUAL) -> Iterator[FrameMap]:
        """Yield what is on every frame. Raises InputError if detectron2 or the weights are missing or wrong."""
        network = self._at(search.finer)
        follower, steady = Follower(frames.rgb.shape[1], search.start), SteadyBoxes()
        for prepared in prepared_batches(frames, max(1, self.settings.batch // search.finer**2), network.prepare):
            for found in self._fitting.run(partial(self._followed, network, follower, steady), prepared):
                yield from found

    def people(self, frame: np.ndarray, finer: int = 1) -> People:
        """All the different people on a square frame (S, S, 3) uint8, from left to right. Raises InputError as `maps` does."""
        network = self._at(finer)
        found = network.detect([network.prepare(frame)])
        boxes, scores = np.asarray(found.boxes[0], float).reshape(-1, 4), np.asarray(found.scores[0], float)
        others = sorted(distinct(boxes, scores), key=lambda number: boxes[number, 0] + boxes[number, 2])
        return People(boxes[others], scores[others])

    def _at(self, finer: int) -> Network:
        if self._network is None:
            self._network = make_network(self.name, self.settings, self.folder)
        return self._network if finer == 1 else self._network.finer(finer)

    def _followed(self, network: Network, follower: Follower, steady: SteadyBoxes, prepared: list) -> list[FrameMap]:
        """What is on prepared frames; `follower` and `steady` move on only if all of it succeeds."""
        found, moved, evened = network.detect(prepared), copy.copy(follower), copy.copy(steady)
        choices = [moved.choose(boxes, scores) for boxes, scores in zip(found.boxes, found.scores, strict=True)]
        chosen = [choice.person for choice in choices]
        if self.settings.smooth and self.name == "embedded":
            evened.move(found.boxes, chosen)
        drawn = network.maps(found, chosen)
        maps = []
        for iuv, choice, scores in zip(drawn, choices, found.scores, strict=True):
            if iuv is None or not iuv[..., 0].any():
                maps.append(FrameMap(None, math.nan, *choice[1:]))
            else:
                maps.append(FrameMap(iuv, float(scores[choice.person]), *choice[1:]))
        vars(follower).update(vars(moved))
        vars(steady).update(vars(evened))
        return maps

    def keypoints(self, frames: ClipFrames) -> None:
        """A detector has no exact keypoints."""


def make_network(name: str, settings: DensePoseSettings, folder: Path) -> Network:
    """The network of the backend `name`, with its weights. Raises InputError if it cannot be had."""
    from .precision import choose_autocast, choose_device

    device = choose_device(settings)
    if name == "embedded":
        from .backends.embedded import EmbeddedNetwork

        return EmbeddedNetwork(device, choose_autocast(settings, device), settings.score)
    weights = weight_file(settings, folder)
    if name == "detectron2":
        from .backends.detectron2_network import Detectron2Network as Kind
    else:
        from .backends.torchvision_rcnn import TorchvisionNetwork as Kind
    return Kind(settings.model, weights, settings.score, settings.input_size, device, choose_autocast(settings, device))


def prepared_batches(frames: ClipFrames, size: int, prepare: Callable) -> Iterator[list]:
    """All `frames` in order, `size` at a time, read, decompressed and prepared in threads while the caller works on those before."""

    def load(start: int) -> list:
        return [prepare(frame) for frame in frames.read(start, start + size)]

    with ThreadPoolExecutor(READERS) as pool:
        waiting = deque()
        for start in range(0, len(frames.rgb), size):
            waiting.append(pool.submit(load, start))
            if len(waiting) > READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
