"""Frames or IUV maps of one clip in a shard, as they are read."""

from pathlib import Path

import h5py
import numpy as np

from ..config.formats import FILTERED
from ..storage.row_delta import add_rows_above


def is_filtered(shard: h5py.File) -> bool:
    """Whether the shard is one of frames or maps in format 3; then HDF5 can read it from now on."""
    if shard.attrs["format"] != FILTERED:
        return False
    from .filtered import register

    register()
    return True


class Stack:
    """The frames in the dataset `rgb` or `iuv` of a clip's group: (T, S, S, 3) uint8, read when they are indexed.

    `filtered` is `is_filtered` of the shard, which is asked where it is not known. Raises what h5py raises where the file is damaged.
    """

    def __init__(self, dataset: h5py.Dataset, filtered: bool | None = None):
        self.dataset = dataset
        self.shape: tuple[int, ...] = dataset.shape
        """(T, S, S, 3)."""
        self._filtered = is_filtered(dataset.file) if filtered is None else filtered

    @property
    def path(self) -> Path:
        """The shard."""
        return Path(self.dataset.file.filename)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: int | slice) -> np.ndarray:
        """Frame (S, S, 3) of a number, or frames (K, S, S, 3) of a slice."""
        found = self.dataset[which]
        if not self._filtered:
            add_rows_above(found, self.shape[1:])
        return found
