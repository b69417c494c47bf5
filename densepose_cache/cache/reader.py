"""Read one split of the cache: frames, IUV maps, keypoints and warp grids of its clips.

HDF5's chunk cache is off: chunks are whole frames, read in random order, and a cache for each of thousands of datasets would fill the
memory. Shards and clips are opened when they are first read, the last `OPEN_SHARDS` and `OPEN_CLIPS` stay open. The index's links are
resolved here, since HDF5 opens a shard anew for every link that it follows. The last `RECENT_MAPS` IUV maps are kept, too: the grids of a
sample are made of the maps that the sample shows.
"""

import contextlib
import os
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers its filters with HDF5
import numpy as np

from ..core.errors import InputError
from ..storage.checksum import UNREADABLE
from ..storage.digest import digest
from ..warp.codec import GridError, MapCodes, decode
from .index import damaged, linked, read_index
from .quarantine import TABLE, read_quarantine
from .shard import FOLDERS, again, check_version
from .stack import Stack, is_filtered

OPEN_SHARDS = 256
"""Shards, each with three of the 1024 files that a process may usually open, and some 0.5 MB for HDF5 a file."""
OPEN_CLIPS = 4096
"""Clips, each with some 0.1 MB for HDF5 and its tables."""
RECENT_MAPS = 8
FRAMES, IUV, WARPS = FOLDERS

Which = int | slice | Sequence[int]


@dataclass
class _Shard:
    """An open shard of all kinds, by folder, and the clips of it that may be open."""

    paths: dict[str, Path]
    files: dict[str, h5py.File] = field(default_factory=dict)
    filtered: dict[str, bool] = field(default_factory=dict)
    clips: set[str] = field(default_factory=set)


@dataclass
class _OpenClip:
    """Open datasets of one clip of a shard, by folder. The bytes of the grid of pair p begin at `bounds[p]`."""

    shard: int
    data: dict[str, Stack | h5py.Dataset]
    pairs: np.ndarray
    bounds: np.ndarray
    keypoints: np.ndarray | None


@dataclass
class _Map:
    """An IUV map; as the decoder of grids reads it, from the first grid on."""

    iuv: np.ndarray
    codes: MapCodes | None = None


class SplitReader:
    """Clips of `{split}.h5`. May be pickled and used after a fork; each process opens the files for itself.

    Raises InputError, which names file, clip and what to do, where the index or a shard is missing, damaged, of another format or not the
    one that was indexed.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        self._forget()
        self._index = read_index(self.path)
        self.clips: list[str] = self._index.names
        """Names of the clips, sorted."""
        self.size: int = self._index.size
        """Side of the frames in pixels."""
        self.split: str = self._index.split
        """`train` or `test`."""
        self.split_digest: str = self._index.digest
        """Digest of everything that the cache holds of the split."""

    def length(self, clip: str) -> int:
        """Number of frames of a clip."""
        return int(self._index.length[self._number(clip)])

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
        return float(self._index.fps[self._number(clip)])

    def digest(self, clip: str) -> str:
        """Digest of everything that the cache holds of a clip."""
        return self._index.digests[self._number(clip)].decode()

    def frames(self, clip: str, which: Which) -> np.ndarray:
        """RGB frames uint8: (S, S, 3) for a number, (K, S, S, 3) for a slice or a list of numbers."""
        return self._read(clip, FRAMES, which)

    def iuv(self, clip: str, which: Which) -> np.ndarray:
        """IUV maps uint8, channels I, U, V: (S, S, 3) for a number, (K, S, S, 3) for a slice or a list of numbers."""
        if isinstance(which, slice):
            return self._read(clip, IUV, which)
        if isinstance(which, int | np.integer):
            return self._map(clip, which).iuv.copy()
        return np.stack([self._map(clip, number).iuv for number in which])

    def keypoints(self, clip: str) -> np.ndarray | None:
        """Exact COCO keypoints (T, 17, 3) float32: x, y in pixels of the frame, visibility 0 or 1; None where the source has none."""
        return self._clip(clip).keypoints

    def pairs(self, clip: str) -> np.ndarray:
        """Pairs (P, 2) int32 source frame, driving frame of which there are grids; sorted."""
        return self._clip(clip).pairs

    def grid(self, clip: str, source: int, driving: int) -> np.ndarray:
        """Coarse warp grid (S, S) uint16 or uint32 from frame `source` to frame `driving`: source pixel = row * S + column.

        Raises InputError if the cache has no grid of this pair, or it is damaged.
        """
        data = self._clip(clip)
        low, high = np.searchsorted(data.pairs[:, 0], [source, source + 1])
        position = low + int(np.searchsorted(data.pairs[low:high, 1], driving))
        if position == high or data.pairs[position, 1] != driving:
            raise InputError(
                f"{self.path}: clip {clip} has no warp grid from frame {source} to frame {driving}; only the pairs of samples.csv and of "
                "the evaluation are there: train with the sample settings that the `warp` stage had"
            )
        stored = self._read(clip, WARPS, slice(*data.bounds[position : position + 2].tolist()))
        try:
            return decode(stored, self._codes(clip, source), self._codes(clip, driving))
        except GridError as error:
            raise self._damaged(clip, WARPS, f"the grid from frame {source} to frame {driving}: {error}") from None

    def close(self):
        """Close all files; the next read opens them again."""
        files = (
            [self._file, *(file for shard in self._shards.values() for file in shard.files.values())] if self._pid == os.getpid() else []
        )
        self._forget()
        for file in filter(None, files):
            file.close()

    def __enter__(self) -> "SplitReader":
        return self

    def __exit__(self, *_):
        self.close()

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key not in ("_file", "_shards", "_open", "_maps", "_pid")}

    def __setstate__(self, state: dict):
        self.__dict__.update(state)
        self._forget()

    def _forget(self):
        self._open: OrderedDict[str, _OpenClip] = OrderedDict()
        self._shards: OrderedDict[int, _Shard] = OrderedDict()
        self._file: h5py.File | None = None
        self._maps: OrderedDict[tuple[str, int], _Map] = OrderedDict()
        self._pid = os.getpid()

    def _number(self, clip: str) -> int:
        """Where the clip stands in the index."""
        if (number := self._index.number(clip)) is not None:
            return number
        if reason := self.quarantined(clip):
            raise InputError(f"{self.path}: clip {clip} is in quarantine: {reason}")
        raise InputError(f"{self.path}: holds no clip {clip}; it has {len(self.clips)} clips, {self.clips[0]} to {self.clips[-1]}")

    def _clip(self, clip: str) -> _OpenClip:
        if self._pid != os.getpid():
            self._forget()
        if clip in self._open:
            self._open.move_to_end(clip)
            self._shards.move_to_end(self._open[clip].shard)
            return self._open[clip]
        number, shard = self._shard(clip)
        groups = {folder: self._member(clip, folder, shard) for folder in FOLDERS}
        self._check_digest(clip, shard, groups)
        data = {folder: self._dataset(clip, groups, folder, name) for folder, name in ((FRAMES, "rgb"), (IUV, "iuv"), (WARPS, "grid"))}
        data |= {folder: Stack(data[folder], shard.filtered[folder]) for folder in (FRAMES, IUV)}
        pairs, bounds = (self._table(clip, groups, WARPS, name) for name in ("pairs", "grid_bounds"))
        keypoints = self._table(clip, groups, IUV, "keypoints") if "keypoints" in groups[IUV] else None
        self._open[clip] = _OpenClip(number, data, pairs, bounds, keypoints)
        shard.clips.add(clip)
        if len(self._open) > OPEN_CLIPS:
            self._open.popitem(last=False)
        return self._open[clip]

    def _dataset(self, clip: str, groups: dict[str, h5py.Group], folder: str, name: str) -> h5py.Dataset:
        """A dataset with its table of chunks, which HDF5 would otherwise fetch with the first chunk and put beside its big buffers: what it
        keeps, scattered between what it frees, would let the memory grow for as long as there are clips that were not read before."""
        try:
            dataset = groups[folder][name]
            if dataset.chunks and len(dataset):
                dataset.id.get_chunk_info(0)
            return dataset
        except UNREADABLE as error:
            raise self._damaged(clip, folder, error) from None

    def _table(self, clip: str, groups: dict[str, h5py.Group], folder: str, name: str) -> np.ndarray:
        dataset = self._dataset(clip, groups, folder, name)
        try:
            return dataset[:]
        except UNREADABLE as error:
            raise self._damaged(clip, folder, error) from None

    def _shard(self, clip: str) -> tuple[int, _Shard]:
        """Number of the shard of `clip`, and the shard, open. Where too many are, the one that was not asked for for the longest time goes.

        Its files are closed as they are let go of: to close one by name, h5py looks through all that is open.
        """
        number = int(self._index.shard[self._number(clip)])
        if number not in self._shards:
            shard = _Shard({folder: self._path(number, folder) for folder in FOLDERS})
            with contextlib.ExitStack() as stack:
                for folder in FOLDERS:
                    shard.files[folder] = stack.enter_context(self._open_file(clip, folder, shard.paths[folder]))
                    shard.filtered[folder] = folder != WARPS and is_filtered(shard.files[folder])
                stack.pop_all()
            self._shards[number] = shard
            if len(self._shards) > OPEN_SHARDS:
                for name in self._shards[next(iter(self._shards))].clips:
                    self._open.pop(name, None)
                self._shards.popitem(last=False)
        self._shards.move_to_end(number)
        return number, self._shards[number]

    def _open_file(self, clip: str, folder: str, path: Path) -> h5py.File:
        """The file of a shard that must hold `clip`."""
        if not path.is_file():
            raise InputError(f"{path}: no such shard; clip {clip} lies in it: run the `{FOLDERS[folder]}` stage to build it")
        with contextlib.ExitStack() as stack:
            try:
                file = stack.enter_context(h5py.File(path, "r", rdcc_nbytes=0))
                if clip not in file:
                    raise KeyError("it holds no such clip")
            except UNREADABLE as error:
                raise self._damaged(clip, folder, error) from None
            check_version(file, FOLDERS[folder], path)
            stack.pop_all()
            return file

    def _path(self, shard: int, folder: str) -> Path:
        try:
            if self._file is None:
                self._file = h5py.File(self.path, "r", rdcc_nbytes=0)
            return linked(self._file, folder, shard)
        except UNREADABLE as error:
            raise damaged(self.path, error) from None

    def _member(self, clip: str, folder: str, shard: _Shard) -> h5py.Group:
        """The clip's group of `folder`."""
        try:
            return shard.files[folder][clip]
        except UNREADABLE as error:
            raise self._damaged(clip, folder, error) from None

    def _check_digest(self, clip: str, shard: _Shard, groups: dict[str, h5py.Group]):
        """Raise InputError if the clip's groups in the shards are not those that were indexed."""
        try:
            same = digest(*(str(group.attrs["digest"]) for group in groups.values())) == self.digest(clip)
        except UNREADABLE:
            same = False
        if not same:
            places = ", ".join(map(str, shard.paths.values()))
            raise InputError(f"{self.path}: clip {clip} is another one in {places} than in the index; {again(self.path, 'index')}")

    def _map(self, clip: str, number: int) -> _Map:
        key = clip, int(number)
        if self._pid != os.getpid() or key not in self._maps:
            iuv = self._read(clip, IUV, key[1])
            self._maps[key] = _Map(iuv)
            if len(self._maps) > RECENT_MAPS:
                self._maps.popitem(last=False)
        self._maps.move_to_end(key)
        return self._maps[key]

    def _codes(self, clip: str, number: int) -> MapCodes:
        found = self._map(clip, number)
        if found.codes is None:
            found.codes = MapCodes.of(found.iuv)
        return found.codes

    def _read(self, clip: str, folder: str, which: Which) -> np.ndarray:
        dataset = self._clip(clip).data[folder]
        try:
            if isinstance(which, slice):
                return dataset[which]
            if isinstance(which, int | np.integer):
                return dataset[int(which)]
            return np.stack([dataset[int(number)] for number in which])
        except IndexError:
            raise InputError(f"{self.path}: clip {clip} has {len(dataset)} frames, number {which} is not among them") from None
        except UNREADABLE as error:
            raise self._damaged(clip, folder, error) from None

    def _damaged(self, clip: str, folder: str, error: object) -> InputError:
        shard = self._path(int(self._index.shard[self._number(clip)]), folder)
        return InputError(f"{shard}: clip {clip} cannot be read ({error}); {again(shard, FOLDERS[folder])}")
