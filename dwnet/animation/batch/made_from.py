"""What an animation was made from, as one digest."""

import functools
from pathlib import Path

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.errors import InputError
from densepose_cache.storage.digest import digest, file_sha256
from densepose_cache.storage.names import is_there

from ...config import AnimateSettings
from ...model.checkpoint import model_file
from ..inputs import cached_alone, existing, is_motion, motion_maps, picture_maps
from ..job import Studio
from .pairs import Pair

FORMAT = 1
"""Changes where the same inputs make another video."""


class MadeFrom:
    """Digests of pairs that `studio` animates with `settings`. Files are read once, however many pairs they are part of."""

    def __init__(self, studio: Studio, settings: AnimateSettings):
        self._extraction = studio.extraction
        self._shared = digest(
            FORMAT, file_sha256(model_file(studio.model)), settings.model_dump(mode="json", exclude_defaults=True, exclude={"device"})
        )
        self._sha256 = functools.cache(file_sha256)
        self._found = functools.cache(lambda: self._extraction.fingerprint(Path("maps")))

    def digest(self, pair: Pair) -> str:
        """Of model, settings, contents of both inputs, and their maps or what finds them. Raises InputError where an input is missing."""
        source = self._facts(pair.source, pair.source_iuv, "picture", "--source-iuv")
        return digest("animation", self._shared, source, self._facts(pair.driving, pair.driving_iuv, "driving video", "--driving-iuv"))

    def _facts(self, text: str, iuv: Path | None, what: str, flag: str) -> list:
        if place := cached_alone(text, iuv, flag):
            with SplitReader(place[0]) as reader:
                return [reader.digest(place[1])]
        path = existing(text, what)
        if is_motion(path):
            return [self._sha256(path)]
        if iuv and not is_there(iuv):
            raise InputError(f"{iuv}: no such file or folder of IUV maps")
        maps = iuv or (picture_maps if what == "picture" else motion_maps)(path)
        return [self._sha256(path), self._sha256(maps) if maps else self._found()]
