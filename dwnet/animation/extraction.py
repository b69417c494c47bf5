"""IUV maps of a picture or video that comes without them: found before, or by one network for both."""

import contextlib
from collections.abc import Callable, Iterator
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from densepose_cache.clips import Clip
from densepose_cache.config import DensePoseSettings
from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.backend import ClipFrames, FrameMap
from densepose_cache.densepose.backends.build import make_backend
from densepose_cache.densepose.detector import Detector
from densepose_cache.densepose.search import USUAL, People, Search
from densepose_cache.storage.digest import digest, file_sha256

from .inputs import say
from .map_cache import FORMAT, MapCache
from .stream import FrameStream

Frames = np.ndarray | FrameStream


class Extraction:
    """DensePose as `settings` say; `weights` is the folder of published weight files. The network is made once, when it is needed.

    Maps are taken from the `cache`, and kept there, if there is one.
    """

    def __init__(self, settings: DensePoseSettings | None = None, weights: Path = Path("weights"), cache: MapCache | None = None):
        self.settings, self._weights, self._cache = settings or DensePoseSettings(), weights, cache
        self._said: set[Path] = set()

    @cached_property
    def _detector(self) -> Detector:
        settings = self.settings
        if settings.backend == "precomputed":
            settings = settings.model_copy(update={"backend": "auto"})
        return Detector(settings, self._weights)

    def fingerprint(self, path: Path) -> dict:
        """What the maps of the file `path` depend on beside its content: the network and its weights, and what happens without anybody."""
        with self._explained(path, "--source-iuv or --driving-iuv"):
            found = self._detector.fingerprint(Clip(str(path), path))
        return {"detector": found, "missing": self.settings.missing, "max_missing": self.settings.max_missing}

    @property
    def backend(self) -> str:
        """Name of the backend that finds maps here. Raises InputError if none can."""
        return self._detector.name

    @property
    def rough(self) -> bool:
        """Whether the maps come from the small network that ships."""
        with contextlib.suppress(InputError):  # said when maps are asked for, with the other ways
            return self._detector.name == "embedded"
        return False

    @property
    def needed(self) -> float:
        """Share of a frame's side that people must be tall to be found well."""
        return self._detector.needed

    def people(self, path: Path, flag: str, frame: np.ndarray, finer: int) -> People:
        """All the people on a square frame (S, S, 3) uint8 of the file `path`; see `find` for `flag` and `Search` for `finer`."""
        with self._explained(path, flag):
            return self._detector.people(frame, finer)

    def find(
        self,
        path: Path,
        numbers: np.ndarray,
        geometry: Geometry,
        flag: str,
        decode: Callable[[], Frames],
        search: Search = USUAL,
        quiet: bool = False,
    ) -> Iterator[FrameMap]:
        """Yield the maps of the frames `numbers` (T,) of the file `path`: those that are kept, or what DensePose finds.

        It is then that `decode` is called, for the frames as squares (T, S, S, 3). Raises InputError with the other ways, one of them the
        option `flag`, where DensePose cannot run. `search` says who is meant. Says where maps come from, unless
        `quiet`.
        """
        with self._explained(path, flag):
            key = self._key(path, numbers, geometry, search) if self._cache else None
            if key and self._cache.path(key).is_file():
                self._say(path, "" if quiet else f"IUV maps as found before ({self._cache.path(key)})")
                yield from self._cache.read(key)
                return
            self._say(path, "" if quiet else f"IUV maps by the backend {self._detector.name}")
            frames = decode()
            maps = self._detector.maps(ClipFrames(Clip(str(path), path), frames, np.arange(len(frames), dtype=np.int32), geometry), search)
            yield from self._cache.kept(key, maps, len(frames), geometry.size) if key else maps

    def _say(self, path: Path, text: str):
        """Say where the maps of a file come from, once, however many parts of it are asked for."""
        if text and path not in self._said:
            self._said.add(path)
            say(path, text)

    def _key(self, path: Path, numbers: np.ndarray, geometry: Geometry, search: Search) -> str:
        """Digest of all that the maps of a file's frames depend on."""
        detector = self._detector.fingerprint(Clip(str(path), path))
        frames = sha256(numbers.astype(np.int64)).hexdigest()
        return digest("iuv", FORMAT, file_sha256(path), detector, geometry.to_json(), frames, *search.key())

    @contextlib.contextmanager
    def _explained(self, path: Path, flag: str) -> Iterator[None]:
        """Context manager that adds the other ways to what is wrong with DensePose."""
        try:
            yield
        except InputError as error:
            raise InputError(
                f"{path}: no IUV maps lie beside it, and DensePose cannot make them here: {error}. Or give them with {flag} (PNG, folder "
                "of PNGs or .iuv.h5)"
            ) from None

    def read(self, path: Path, iuv: Path, numbers: np.ndarray, geometry: Geometry) -> Iterator[FrameMap]:
        """Yield the maps of the frames `numbers` (T,) of a video or folder from a side file or a folder of PNGs."""
        backend = make_backend(self.settings.model_copy(update={"backend": "precomputed"}), self._weights)
        yield from backend.maps(ClipFrames(Clip(str(path), path, iuv=iuv), None, numbers.astype(np.int32), geometry))
