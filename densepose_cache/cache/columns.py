"""Columns of many rows in HDF5: small, checked by HDF5 whenever they are read, and the same bytes for the same values."""

import h5py
import numpy as np

from .shard import COMPRESSION

ROWS = 1 << 18
"""Values a chunk."""


def write_column(group: h5py.Group, name: str, values: np.ndarray):
    """A dataset of `values` (N,), packed, with a checksum a chunk."""
    chunk = min(len(values), ROWS)
    group.create_dataset(name, data=values, **({"chunks": (chunk,), "shuffle": True, "fletcher32": True, **COMPRESSION} if chunk else {}))


def smallest(values: np.ndarray) -> np.ndarray:
    """Whole numbers from 0 up in the smallest type that holds them all."""
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))
