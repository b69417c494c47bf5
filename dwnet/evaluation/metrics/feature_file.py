"""features.h5: the pooled features of every measured frame, from which Frechet distances of drawn clips are computed.

A Frechet distance is no mean over clips, so that metrics.json does not tell how much it hangs on the clips that were measured. Features are
kept in half precision: its rounding, some 1e-4 of a feature, adds less than 1e-6 of the features' variance to a covariance.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from densepose_cache.cache.shard import COMPRESSION
from densepose_cache.core.errors import InputError

from ...config import FORMATS

STAGE = "features"
NAME = "features.h5"
FVD = "fvd_i3d"
"""The distance whose features are of windows of frames."""
ROWS = 64
"""Frames in a chunk."""
AGAIN = "delete it and run `dwnet evaluate` again"


class FeatureWriter:
    """Fill an open HDF5 file: `/{distance}/{method}` (N, D) float16, the frames of all clips one after the other.

    Of the FVD it is the windows of all clips; `windows` says how many each clip has.
    """

    def __init__(self, file: h5py.File, lengths: dict[str, int], digest: str, windows: dict[str, int] | None = None):
        self._file, self._total, self._windows = file, sum(lengths.values()), windows or {}
        self._filled: dict[tuple[str, str], int] = {}
        file.attrs.update({"stage": STAGE, "format": FORMATS["evaluate"], "digest": digest})
        file["clips"] = np.array(list(lengths), dtype=h5py.string_dtype())
        file["lengths"] = np.array(list(lengths.values()), np.int64)
        if windows:
            file["windows"] = np.array([windows[clip] for clip in lengths], np.int64)

    def add(self, distance: str, method: str, features: np.ndarray):
        """Append features (B, D) of `method` ("real", "model" or a baseline)."""
        place = f"{distance}/{method}"
        if place not in self._file:
            total = sum(self._windows.values()) if distance == FVD else self._total
            size, chunks = (total, features.shape[1]), (min(ROWS, total), features.shape[1])
            self._file.create_dataset(place, size, np.float16, chunks=chunks, shuffle=True, compression=COMPRESSION, fletcher32=True)
        start = self._filled.get((distance, method), 0)
        self._filled[distance, method] = stop = start + len(features)
        self._file[place][start:stop] = features


@dataclass(frozen=True)
class FeatureReader:
    """An open features.h5."""

    path: Path
    file: h5py.File
    clips: list[str]
    lengths: np.ndarray
    """(K,) frames of each clip."""
    digest: str
    """Digest of the evaluation that the file belongs to."""

    @property
    def distances(self) -> list[str]:
        """Names of the Frechet distances."""
        return [name for name, value in self.file.items() if isinstance(value, h5py.Group)]

    def counts(self, distance: str) -> np.ndarray:
        """(K,) features of each clip: its frames, or of the FVD its windows. Raises KeyError where there are none."""
        return self.file["windows"][:] if distance == FVD else self.lengths

    def read(self, distance: str, method: str) -> np.ndarray:
        """Features (N, D) float32 of all frames, or windows, of `method`. Raises InputError if they cannot be read."""
        try:
            return self.file[distance][method][:].astype(np.float32)
        except (OSError, KeyError) as error:
            raise InputError(f"{self.path}: {distance}/{method} cannot be read ({error}); {AGAIN}") from None


@contextlib.contextmanager
def open_features(path: Path) -> Iterator[FeatureReader]:
    """Context manager of a features.h5. Raises InputError if it is missing, damaged or of another format."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; run `dwnet evaluate` to make it")
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("stage"), file.attrs.get("format")
            if found != (STAGE, FORMATS["evaluate"]):
                raise InputError(f"{path}: holds no features of format {FORMATS['evaluate']}; {AGAIN}")
            clips = [name.decode() for name in file["clips"][:]]
            yield FeatureReader(path, file, clips, file["lengths"][:], str(file.attrs["digest"]))
    except (OSError, KeyError) as error:
        raise InputError(f"{path}: cannot be read as HDF5 ({error}); {AGAIN}") from None
