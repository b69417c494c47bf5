"""FVD: the Frechet distance of I3D's logits of windows of consecutive frames (Unterthiner et al. 2018)."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from densepose_cache.core.errors import InputError
from densepose_cache.storage.digest import file_sha256
from densepose_cache.storage.weights import find_weights

from ...config import EvaluateSettings
from ..networks.i3d import I3d
from .feature_file import FVD
from .measures import FrechetSums

LENGTH = 16
"""Frames of a window."""


def windows_of(length: int, stride: int) -> int:
    """How many windows, `stride` frames apart, a clip of `length` frames has."""
    return max(0, (length - LENGTH) // stride + 1)


def windows_by_clip(lengths: dict[str, int], settings: EvaluateSettings) -> dict[str, int] | None:
    """How many windows each clip of such a length has; None where no FVD is asked for, or no clip has any."""
    found = {clip: windows_of(length, settings.fvd_stride) for clip, length in lengths.items()} if settings.fvd else {}
    return found if any(found.values()) else None


def load_i3d(settings: EvaluateSettings, folder: Path, device: torch.device, unavailable: dict[str, str]) -> tuple[I3d | None, dict]:
    """The network where `settings` ask for the FVD, and its facts, as extractors have them.

    Where its weights are not in `folder`, `features: embedded` leaves the FVD out and notes the reason in `unavailable`; for
    `features: paper` InputError is raised.
    """
    if not settings.fvd:
        return None, {}
    try:
        path = find_weights("i3d", folder)
    except InputError as error:
        if settings.features == "paper":
            raise
        unavailable[FVD] = str(error)
        return None, {}
    return I3d(path, device), {"i3d": {"file": path.name, "sha256": file_sha256(path), "window": LENGTH, "stride": settings.fvd_stride}}


def too_short(metrics: dict, i3d: I3d | None) -> dict[str, str]:
    """Why the FVD has no value although it was asked for: {name: reason}."""
    return {FVD: f"needs two windows of {LENGTH} frames at least"} if i3d and FVD not in metrics else {}


class VideoWindows:
    """Takes the frames of clips as they come, and gives the `logits` (B, D) of each window of (B, 16, S, S, 3) to `sums`.

    A clip that is shorter than a window has none.
    """

    def __init__(self, logits: Callable[[np.ndarray], np.ndarray], stride: int, sums: FrechetSums):
        self._logits, self._stride, self._sums = logits, stride, sums
        self._waiting: dict[str, tuple[int, list[np.ndarray]]] = {}

    def add(self, shown: dict[str, np.ndarray], begins: bool):
        """Take in the next frames (B, S, S, 3) uint8 of a clip by method, the real ones as "real"; `begins`: they are its first."""
        if begins:
            self._waiting = {}
        for method, frames in shown.items():
            for frame in frames:
                self._next(method, frame)

    def _next(self, method: str, frame: np.ndarray):
        skipped, window = self._waiting.get(method, (0, []))
        if skipped:
            self._waiting[method] = skipped - 1, window
            return
        window = [*window, frame]
        if len(window) == LENGTH:
            self._sums.add(FVD, method, self._logits(np.stack(window)[None]))
            skipped, window = max(0, self._stride - LENGTH), window[self._stride :]
        self._waiting[method] = skipped, window
