"""Read one split of the cache: frames, IUV maps, keypoints and warp grids of its clips.

HDF5's chunk cache is off: chunks are whole frames, read in random order, and a cache for each of thousands of datasets would fill the
memory. Clips are opened when they are first read, the last `OPEN_CLIPS` stay open.
"""

import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers its filters with HDF5
import numpy as np

from .errors import InputError
from .quarantine import TABLE, read_quarantine
from .shards import open_shard

OPEN_CLIPS = 256

Which = int | slice | Sequence[int]


@dataclass
class _Clip:
    """Open datasets of one clip."""

    rgb: h5py.Dataset
    iuv: h5py.Dataset
    grid: h5py.Dataset
    pairs: np.ndarray
    keypoints: np.ndarray | None


class SplitReader:
    """Clips of `{split}.h5`. May be pickled and used after a fork; each process opens the files for itself.

    Raises InputError, which names the file, where the index or a shard is missing, damaged or of another format.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._forget()
        with open_shard(self.path, "index") as file:
            self.clips: list[str] = sorted(file)
            """Names of the clips, sorted."""
            self.size = int(file.attrs["size"])
            """Side of the frames in pixels."""
            self.split = str(file.attrs["split"])
            """`train` or `test`."""

    def length(self, clip: str) -> int:
        """Number of frames of a clip."""
        return int(self._attributes(clip)["length"])

    def quarantined(self, clip: str) -> str | None:
        """Why a clip that this split lacks is in quarantine; None if it is not, as far as the table beside the index knows.

        Raises InputError if that table is damaged.
        """
        table = self.path.with_name(TABLE)
        if not table.is_file():
            return None
        rows = read_quarantine(table)
        return next(iter(rows.loc[(rows["clip"] == clip) & (rows["split"] == self.split), "reason"]), None)

    def fps(self, clip: str) -> float:
        """Frame rate of a clip."""
        return float(self._attributes(clip)["fps"])

    def digest(self, clip: str) -> str:
        """Digest of everything that the cache holds of a clip."""
        return str(self._attributes(clip)["digest"])

    def frames(self, clip: str, which: Which) -> np.ndarray:
        """RGB frames uint8: (S, S, 3) for a number, (K, S, S, 3) for a slice or a list of numbers."""
        return self._read(clip, self._clip(clip).rgb, which)

    def iuv(self, clip: str, which: Which) -> np.ndarray:
        """IUV maps uint8, channels I, U, V: (S, S, 3) for a number, (K, S, S, 3) for a slice or a list of numbers."""
        return self._read(clip, self._clip(clip).iuv, which)

    def keypoints(self, clip: str) -> np.ndarray | None:
        """Exact COCO keypoints (T, 17, 3) float32: x, y in pixels of the frame, visibility 0 or 1; None where the source has none."""
        return self._clip(clip).keypoints

    def pairs(self, clip: str) -> np.ndarray:
        """Pairs (P, 2) int32 source frame, driving frame of which there are grids; sorted."""
        return self._clip(clip).pairs

    def grid(self, clip: str, source: int, driving: int) -> np.ndarray:
        """Coarse warp grid (S, S) uint16 or uint32 from frame `source` to frame `driving`: source pixel = row * S + column.

        Raises InputError if the cache has no grid of this pair.
        """
        data = self._clip(clip)
        low, high = np.searchsorted(data.pairs[:, 0], [source, source + 1])
        position = low + int(np.searchsorted(data.pairs[low:high, 1], driving))
        if position == high or data.pairs[position, 1] != driving:
            raise InputError(
                f"{self.path}: clip {clip} has no warp grid from frame {source} to frame {driving}; only the pairs of samples.csv and of "
                "the evaluation are there: train with the sample settings that the `warp` stage had"
            )
        return self._read(clip, data.grid, position)

    def close(self):
        """Close all files; the next read opens them again."""
        if self._file is not None and self._pid == os.getpid():
            self._file.close()
        self._forget()

    def __enter__(self) -> "SplitReader":
        return self

    def __exit__(self, *_):
        self.close()

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key not in ("_file", "_open", "_pid")}

    def __setstate__(self, state: dict):
        self.__dict__.update(state)
        self._forget()

    def _forget(self):
        self._file: h5py.File | None = None
        self._open: OrderedDict[str, _Clip] = OrderedDict()
        self._pid = os.getpid()

    def _group(self, clip: str) -> h5py.Group:
        if self._pid != os.getpid():
            self._forget()
        if self._file is None:
            self._file = h5py.File(self.path, "r", rdcc_nbytes=0)
        if clip not in self._file:
            if reason := self.quarantined(clip):
                raise InputError(f"{self.path}: clip {clip} is in quarantine: {reason}")
            raise InputError(f"{self.path}: holds no clip {clip}; it has {len(self.clips)} clips, {self.clips[0]} to {self.clips[-1]}")
        return self._file[clip]

    def _attributes(self, clip: str) -> h5py.AttributeManager:
        return self._group(clip).attrs

    def _clip(self, clip: str) -> _Clip:
        if self._pid == os.getpid() and clip in self._open:
            self._open.move_to_end(clip)
            return self._open[clip]
        group = self._group(clip)
        try:
            frames, iuv, warps = (group[name] for name in ("frames", "iuv", "warps"))
            keypoints = iuv["keypoints"][:] if "keypoints" in iuv else None
            data = _Clip(frames["rgb"], iuv["iuv"], warps["grid"], warps["pairs"][:], keypoints)
        except (KeyError, OSError) as error:
            raise self._damaged(clip, error) from None
        self._open[clip] = data
        if len(self._open) > OPEN_CLIPS:
            self._open.popitem(last=False)
        return data

    def _read(self, clip: str, dataset: h5py.Dataset, which: Which) -> np.ndarray:
        try:
            if isinstance(which, slice):
                return dataset[which]
            if isinstance(which, int | np.integer):
                return dataset[int(which)]
            return np.stack([dataset[int(number)] for number in which])
        except OSError as error:
            raise self._damaged(clip, error) from None
        except IndexError:
            raise InputError(f"{self.path}: clip {clip} has {len(dataset)} frames, number {which} is not among them") from None

    def _damaged(self, clip: str, error: Exception) -> InputError:
        return InputError(f"{self.path}: clip {clip} cannot be read from its shard ({error}); delete that shard and run the workflow again")
