"""The file `{split}.h5`: the clips of a split and their training samples in columns, and one link to every shard of each kind.

clips/name, shard, length, fps, digest    (N,) sorted by name: text, number of the shard, frames, frames a second, hexadecimal digits
samples/count, source, target             see `sample_table`
frames/{shard}, iuv/{shard}, warps/{shard}    external links to the shards, relative to the index
"""

import hashlib
import os
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ..config import FILE_FORMATS, FORMATS
from ..core.errors import InputError
from ..storage.checksum import UNREADABLE
from ..storage.digest import digest
from ..storage.hdf5 import Hdf5File
from .columns import write_column
from .samples import SampleTable
from .shard import FOLDERS, again, open_shard, shard_name

COLUMNS = {"name": None, "shard": np.int32, "length": np.int32, "fps": np.float64, "digest": "S64"}
"""Columns of clips and their types; names are as long as the longest."""


@dataclass
class Index:
    """What an index says of its split; element k of every array is of clip `names[k]`."""

    split: str
    size: int
    """Side of the frames in pixels."""
    digest: str
    """Digest of everything that the cache holds of the split."""
    names: list[str]
    shard: np.ndarray
    length: np.ndarray
    fps: np.ndarray
    digests: np.ndarray

    def number(self, clip: str) -> int | None:
        """Where a clip stands; None if it is not there."""
        number = bisect_left(self.names, clip)
        return number if number < len(self.names) and self.names[number] == clip else None


def write_index(path: Path, split: str, size: int, clips: dict[str, list], samples: SampleTable, folders: dict[str, str]):
    """Write the index of a split to `path`. `clips` holds the lists name (sorted), shard, length, fps, digest; `folders` the paths of the
    folders of shards, relative to the index."""
    columns = {name: np.array(clips[name], "S" if kind is None else kind) for name, kind in COLUMNS.items()}
    with Hdf5File(path) as file:
        file.attrs.update({"stage": "index", "format": FILE_FORMATS["index"], "split": split, "size": size, "clips": len(columns["name"])})
        file.attrs["digest"] = _digest(split, columns["name"], columns["digest"])
        group = file.create_group("clips")
        for name, values in columns.items():
            write_column(group, name, values)
        samples.write(file.create_group("samples"))
        for folder, place in folders.items():
            links = file.create_group(folder)
            for shard in map(shard_name, np.unique(columns["shard"]).tolist()):
                links[shard] = h5py.ExternalLink(f"{place}/{shard}.h5", "/")


def read_index(path: Path) -> Index:
    """What the index `path` says of its clips. Raises InputError if it is missing, damaged or of another format."""
    with open_shard(path, "index") as file:
        try:
            columns = {name: file["clips"][name][:] for name in COLUMNS}
            split, size, found = str(file.attrs["split"]), int(file.attrs["size"]), str(file.attrs["digest"])
            if found != _digest(split, columns["name"], columns["digest"]):
                raise ValueError("its digest is not that of its clips")
            names, shard, length, fps, digests = columns.values()
            return Index(split, size, found, names.astype(str).tolist(), shard, length, fps, digests)
        except UNREADABLE as error:
            raise damaged(path, error) from None


def read_samples(path: Path) -> SampleTable:
    """The training samples of the index `path`; without rows in the test split. Raises InputError as `read_index`."""
    with open_shard(path, "index") as file:
        try:
            return SampleTable.read(file["samples"], len(file["clips"]["name"]))
        except UNREADABLE as error:
            raise damaged(path, error) from None


def linked(file: h5py.File, folder: str, shard: int) -> Path:
    """The shard of a number that the open index `file` links to in a folder. Raises one of UNREADABLE where the index is damaged."""
    link = file[folder].get(shard_name(shard), getlink=True)
    return Path(os.path.normpath(Path(file.filename).parent / link.filename))


def check_links(path: Path, index: Index):
    """Raise InputError if one of the links of the index `path` cannot be read."""
    with open_shard(path, "index") as file:
        try:
            for folder in FOLDERS:
                for shard in np.unique(index.shard).tolist():
                    linked(file, folder, shard)
        except UNREADABLE as error:
            raise damaged(path, error) from None


def damaged(path: Path, error: object) -> InputError:
    """What to say of an index that cannot be read."""
    return InputError(f"{path}: is damaged ({error}); {again(path, 'index')}")


def _digest(split: str, names: np.ndarray, digests: np.ndarray) -> str:
    state = hashlib.sha256(names.tobytes())
    state.update(digests.tobytes())
    return digest("index", FORMATS["index"], split, state.hexdigest())
