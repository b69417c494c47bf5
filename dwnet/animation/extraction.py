"""IUV maps of a picture or video that comes without them: one network for both."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from densepose_cache.clips import Clip
from densepose_cache.config import DensePoseSettings
from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.backend import Backend, ClipFrames, FrameMap
from densepose_cache.densepose.backends.build import make_backend

from .inputs import say
from .stream import FrameStream


class Extraction:
    """DensePose as `settings` say; `weights` is the folder of published weight files. The network is made once, when it is needed."""

    def __init__(self, settings: DensePoseSettings, weights: Path):
        self.settings, self._weights = settings, weights

    @cached_property
    def _detector(self) -> Backend:
        settings = self.settings
        if settings.backend == "precomputed":
            settings = settings.model_copy(update={"backend": "auto"})
        return make_backend(settings, self._weights)

    def detect(self, path: Path, frames: np.ndarray | FrameStream, geometry: Geometry, flag: str) -> Iterator[FrameMap]:
        """Yield the maps of square frames (T, S, S, 3) of the file `path`. Raises InputError with the other ways, one of them the option
        `flag`, where DensePose cannot run."""
        clip = ClipFrames(Clip(str(path), path), frames, np.arange(len(frames), dtype=np.int32), geometry)
        try:
            say(path, f"IUV maps by the backend {self._detector.name}")
            yield from self._detector.maps(clip)
        except InputError as error:
            raise InputError(
                f"{path}: no IUV maps lie beside it, and DensePose cannot make them here: {error}. Or give them with {flag} (PNG, folder "
                "of PNGs or .iuv.h5)"
            ) from None

    def read(self, path: Path, iuv: Path, numbers: np.ndarray, geometry: Geometry) -> Iterator[FrameMap]:
        """Yield the maps of the frames `numbers` (T,) of a video or folder from a side file or a folder of PNGs."""
        backend = make_backend(self.settings.model_copy(update={"backend": "precomputed"}), self._weights)
        yield from backend.maps(ClipFrames(Clip(str(path), path, iuv=iuv), None, numbers.astype(np.int32), geometry))
