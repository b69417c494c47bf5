"""How frames and IUV maps lie in a shard: every row less the row above, then LZ4.

Pictures change little from row to row. What is left is mostly small numbers and zeros, which even LZ4, a compressor without entropy coding,
makes shorter than Zstandard the pictures themselves, and which are back in half the time.
"""

import functools
import math
from collections.abc import Callable

import hdf5plugin
import numpy as np

COMPRESSION = hdf5plugin.Blosc(cname="lz4hc", clevel=4, shuffle=hdf5plugin.Blosc.NOSHUFFLE)


def frame_options(shape: tuple[int, ...]) -> dict:
    """Keyword arguments of h5py's `create_dataset` for a stack of frames (T, *shape): a chunk is one frame, with a checksum."""
    return {"chunks": (1, *shape), "compression": COMPRESSION, "fletcher32": True}


def less_row_above(frames: np.ndarray) -> np.ndarray:
    """Copy of `frames` (T, H, ...), unsigned integers, with every row of a frame but the first less the row above, modulo the dtype."""
    rows = np.array(frames)
    rows[:, 1:] -= frames[:, :-1]
    return rows


def add_rows_above(rows: np.ndarray, shape: tuple[int, ...]):
    """Undo `less_row_above` in place: `rows` are one frame of `shape` (H, ...) or a stack (T, *shape), contiguous."""
    _add_above()(rows.reshape(-1, shape[0], math.prod(shape[1:])))


@functools.cache
def _add_above() -> Callable[[np.ndarray], None]:
    """The sum over the rows of (T, H, N), in place; 100 times as fast as `np.cumsum`. Compiled when it is first needed."""
    from numba import njit

    @njit(cache=True, nogil=True)
    def add_above(frames):
        for time in range(frames.shape[0]):
            for row in range(1, frames.shape[1]):
                here, above = frames[time, row], frames[time, row - 1]
                for i in range(here.size):
                    here[i] += above[i]

    return add_above
