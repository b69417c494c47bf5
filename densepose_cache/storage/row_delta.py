"""How frames and IUV maps lie in a shard: every row less the row above, then LZ4.

Pictures change little from row to row. What is left is mostly small numbers and zeros, which even LZ4, a compressor without entropy coding,
makes shorter than Zstandard the pictures themselves, and which are back in half the time. The subtraction is a filter of HDF5 that belongs
to this package: import this module, or any that reads shards, and every way of reading a dataset undoes it.
"""

import ctypes

import h5py
import hdf5plugin
import numpy as np

FILTER = 432
"""Number of the filter, from the range that the HDF Group leaves to everyone's own use (256 to 511)."""
COMPRESSION = hdf5plugin.Blosc(cname="lz4hc", clevel=4, shuffle=hdf5plugin.Blosc.NOSHUFFLE)
REVERSE = 0x100
"""HDF5's flag of a filter that is undone."""
SIZE, NUMBER = ctypes.c_size_t, ctypes.c_uint
FUNCTION = ctypes.CFUNCTYPE(SIZE, NUMBER, SIZE, ctypes.POINTER(NUMBER), SIZE, ctypes.POINTER(SIZE), ctypes.POINTER(ctypes.c_void_p))


def frame_options(shape: tuple[int, ...], dtype=np.uint8) -> dict:
    """Keyword arguments of h5py's `create_dataset` for a stack of frames (T, *shape) of `dtype`: a chunk is one frame, with a checksum."""
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_filter(FILTER, h5py.h5z.FLAG_MANDATORY, (int(np.prod(shape[1:])) * np.dtype(dtype).itemsize,))
    return {"chunks": (1, *shape), "dcpl": creation, "compression": COMPRESSION, "fletcher32": True}


class _Class(ctypes.Structure):
    """HDF5's H5Z_class2_t."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("id", ctypes.c_int),
        ("encoder", NUMBER),
        ("decoder", NUMBER),
        ("name", ctypes.c_char_p),
        ("can_apply", ctypes.c_void_p),
        ("set_local", ctypes.c_void_p),
        ("filter", FUNCTION),
    )


@FUNCTION
def _filter(flags, _count, values, length, _size, buffer):
    """HDF5 calls this with a chunk of `length` bytes, which stay where they are, and the bytes of a row in `values`; 0: it has failed."""
    from .row_kernels import add_above, subtract_above

    row, pixels = values[0], np.frombuffer((ctypes.c_uint8 * length).from_address(buffer[0]), np.uint8)
    if row == 0 or length % row:
        return 0
    (add_above if flags & REVERSE else subtract_above)(pixels, row)
    return length


_CLASS = _Class(1, FILTER, 1, 1, b"rows less the rows above, of densepose_cache", None, None, _filter)
h5py.h5z.register_filter(ctypes.addressof(_CLASS))
