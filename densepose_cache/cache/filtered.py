"""Shards of frames and maps in format 3, in which a filter of HDF5 that belongs to this package took the rows above from the rows.

Some clips of this format are even older: frames as they are in Zstandard, which HDF5 reads by itself.
"""

import ctypes
import functools

import h5py
import numpy as np

from ..storage.checksum import seal
from ..storage.row_delta import add_rows_above, frame_options, less_row_above

FILTER = 432
"""Number of the filter, from the range that the HDF Group leaves to everyone's own use (256 to 511)."""
REVERSE = 0x100
"""HDF5's flag of a filter that is undone."""
STACKS = ("rgb", "iuv")
"""Datasets of frames."""
SIZE, NUMBER = ctypes.c_size_t, ctypes.c_uint
FUNCTION = ctypes.CFUNCTYPE(SIZE, NUMBER, SIZE, ctypes.POINTER(NUMBER), SIZE, ctypes.POINTER(SIZE), ctypes.POINTER(ctypes.c_void_p))


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
    row, pixels = values[0], np.frombuffer((ctypes.c_uint8 * length).from_address(buffer[0]), np.uint8)
    if not flags & REVERSE or row == 0 or length % row:
        return 0
    add_rows_above(pixels, (length // row, row))
    return length


_CLASS = _Class(1, FILTER, 0, 1, b"rows less the rows above, of densepose_cache", None, None, _filter)


@functools.cache
def register():
    """Let HDF5 read, not write, datasets with the filter."""
    h5py.h5z.register_filter(ctypes.addressof(_CLASS))


def take_over(clip: h5py.Group, file: h5py.File):
    """Write `clip`, a whole group of a shard in format 3, to the root of `file` as it is in format 4. Compressed bytes stay as they are,
    but for those of Zstandard."""
    name = clip.name.rpartition("/")[2]
    taken = file.create_group(name)
    taken.attrs.update(clip.attrs)
    for member, data in clip.items():
        creation = data.id.get_create_plist()
        if member not in STACKS or not len(data):
            clip.copy(member, taken)
        elif creation.get_filter(0)[0] == FILTER:
            same = taken.create_dataset(member, data.shape, data.dtype, maxshape=data.maxshape, **frame_options(data.shape[1:]))
            for number in range(len(data)):
                offset = (number, *(0 for _ in data.shape[1:]))
                skipped, stored = data.id.read_direct_chunk(offset)
                same.id.write_direct_chunk(offset, stored, skipped)
        else:
            taken.create_dataset(member, data=less_row_above(data[:]), maxshape=data.maxshape, **frame_options(data.shape[1:]))
    seal(taken)
