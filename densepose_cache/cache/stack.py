"""Frames or IUV maps of one clip in a shard, as they are read."""

from pathlib import Path

import h5py
import numpy as np

from ..config.formats import FILTERED
from ..storage.row_delta import add_rows_above


class Stack:
    """The frames in the dataset `rgb` or `iuv` of a clip's group: (T, S, S, 3) uint8, read when they are indexed.

    Raises what h5py raises where the file is damaged.
    """

    def __init__(self, dataset: h5py.Dataset):
        self.dataset = dataset
        self.shape: tuple[int, ...] = dataset.shape
        """(T, S, S, 3)."""
        self._filtered = dataset.file.attrs["format"] == FILTERED
        if self._filtered:
            from .filtered import register

            register()

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
