"""rollout.h5: generated frames of reconstructed clips and transfer pairs."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers its filters with HDF5
import numpy as np

from densepose_cache.cache.shard import COMPRESSION, breaks_off
from densepose_cache.core.errors import InputError
from densepose_cache.storage.hdf5 import Hdf5File

from ..config import FORMATS

STAGE = "rollout"
GENERATED, UNTUNED = "generated", "untuned"
"""Frames of the model, and of the generator that ships where the model was tuned from it."""
DIGESTS = ("source_digest", "driving_digest")
AGAIN = "delete it and run the rollout again"
INSTEAD = "give the rollout.h5 that `dwnet rollout` wrote"


@dataclass(frozen=True)
class Animation:
    """One video to generate: `length` frames of `driving_clip`'s motion with the look of `source_clip`'s first frame."""

    name: str
    source_clip: str
    driving_clip: str
    kind: str
    length: int


class RolloutWriter:
    """Fill an open HDF5 file: `add` a video, then `write` its frames in any order."""

    def __init__(self, file: Hdf5File, size: int, facts: dict):
        self.file, self.size = file, size
        file.attrs.update({"stage": STAGE, "format": FORMATS["rollout"], "size": size, **facts})

    def add(self, video: Animation, digests: tuple[str, str], kinds: tuple[str, ...] = (GENERATED,)):
        """A group for `video` with room for its frames of every kind; `digests` are those of the source's and the driving clip's data."""
        group = self.file.create_group(video.name)
        group.attrs.update({"source_clip": video.source_clip, "driving_clip": video.driving_clip, "kind": video.kind})
        group.attrs.update(zip(DIGESTS, digests, strict=True))
        shape = (video.length, self.size, self.size, 3)
        for kind in kinds:
            group.create_dataset(kind, shape, np.uint8, chunks=(1, *shape[1:]), compression=COMPRESSION, fletcher32=True)

    def write(self, video: Animation, number: int, frame: np.ndarray, kind: str):
        """Frame `number` of `video`, (S, S, 3) uint8."""
        self.file[video.name][kind][number] = frame
        self.file.check()


class RolloutReader:
    """Read rollout.h5. Use as a context manager. Raises InputError if the file is missing, damaged or of another format."""

    def __init__(self, path: Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such rollout; run `dwnet rollout` to make it")
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            if breaks_off(self.path):
                raise InputError(f"{self.path}: cannot be read as HDF5 ({error}); {AGAIN}") from None
            raise InputError(f"{self.path}: is no HDF5 file; {INSTEAD}") from None
        found = self._file.attrs.get("stage"), self._file.attrs.get("format")
        if found != (STAGE, FORMATS["rollout"]):
            self._file.close()
            if found[0] != STAGE:
                raise InputError(f"{self.path}: is no rollout (its attribute `stage` is {found[0]!r}); {INSTEAD}")
            raise InputError(f"{self.path}: is no rollout of format {FORMATS['rollout']}; {AGAIN}")
        self.names: list[str] = sorted(self._file)
        """Names of clips and pairs, sorted."""
        self.size = int(self._file.attrs["size"])
        """Side of the frames in pixels."""
        self.digest = str(self._file.attrs["digest"])
        """Digest of all that the rollout was made from."""
        self.model_sha256 = str(self._file.attrs["model_sha256"])
        """SHA-256 of the model file."""

    def __enter__(self) -> "RolloutReader":
        return self

    def __exit__(self, *_):
        self._file.close()

    def kind(self, name: str) -> str:
        """`reconstruction` or `transfer`."""
        return str(self._file[name].attrs["kind"])

    def digests(self, name: str) -> tuple[str, str]:
        """Digests of the source's and the driving clip's data."""
        source, driving = (str(self._file[name].attrs[key]) for key in DIGESTS)
        return source, driving

    def length(self, name: str) -> int:
        """Number of generated frames."""
        return len(self._file[name][GENERATED])

    def kinds(self, name: str) -> list[str]:
        """Kinds of frames that there are: GENERATED, and UNTUNED where the training began with what ships."""
        return sorted(self._file[name])

    def frames(self, name: str, which: slice | int, kind: str = GENERATED) -> np.ndarray:
        """Generated frames (K, S, S, 3) uint8, or the one (S, S, 3) of that number. Raises InputError if they are damaged."""
        try:
            return self._file[name][kind][which]
        except OSError as error:
            raise InputError(f"{self.path}: frames of {name} are damaged ({error}); {AGAIN}") from None
