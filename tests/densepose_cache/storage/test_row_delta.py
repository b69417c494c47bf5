"""Frames less the rows above, as HDF5 stores them and they are given back."""

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import body_maps

from densepose_cache.cache.shard import COMPRESSION, ShardWriter
from densepose_cache.cache.stack import Stack
from densepose_cache.storage.row_delta import add_rows_above, frame_options, less_row_above


@settings(deadline=None)
@given(st.integers(0, 3), st.integers(1, 9), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_difference_to_the_row_above_and_back(frames, rows, row, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (frames, rows, row), dtype=np.uint8)
    stored = less_row_above(pixels)
    assert np.array_equal(stored, np.diff(pixels, axis=1, prepend=np.zeros((frames, 1, row), np.uint8)))
    assert np.array_equal(np.cumsum(stored, axis=1, dtype=np.uint8), pixels)
    add_rows_above(stored, (rows, row))
    assert np.array_equal(stored, pixels)


@pytest.mark.parametrize(("shape", "dtype"), [((3, 8, 16, 3), np.uint8), ((2, 1, 5, 3), np.uint8), ((4, 7, 9), np.uint16)])
def test_a_stack_comes_back_whole_and_in_part(tmp_path, shape, dtype):
    frames = np.random.default_rng(0).integers(0, 2 ** (8 * np.dtype(dtype).itemsize), shape).astype(dtype)
    with ShardWriter(tmp_path / "stack.h5", "decode", {}) as writer:
        group = writer.create("anna", "digest")
        writer.write(group, "written", frames)
        stream = writer.stream(group, "streamed", shape[1:], dtype)
        for frame in frames:
            stream.append(frame)
        stream.close()
    with h5py.File(tmp_path / "stack.h5") as file:
        for data in file["anna"].values():
            plist = data.id.get_create_plist()
            filters = [plist.get_filter(k)[0] for k in range(plist.get_nfilters())]
            assert filters == [hdf5plugin.BLOSC_ID, h5py.h5z.FILTER_FLETCHER32]
            assert data.chunks == (1, *shape[1:])
            stack = Stack(data)
            assert (stack.shape, len(stack)) == (shape, shape[0])
            for part in (slice(None), -1, 0, slice(1, 2), slice(1, 1)):
                assert np.array_equal(stack[part], frames[part])
            assert np.array_equal(stack[:][:, 0, 1], frames[:, 0, 1])


def test_an_empty_stack(tmp_path):
    with ShardWriter(tmp_path / "stack.h5", "decode", {}) as writer:
        writer.write(writer.create("anna", "digest"), "frames", np.zeros((0, 4, 4, 3), np.uint8))
    with h5py.File(tmp_path / "stack.h5") as file:
        assert file["anna/frames"].shape == Stack(file["anna/frames"])[:].shape == (0, 4, 4, 3)


def test_maps_take_fewer_bytes_than_in_zstandard(tmp_path):
    maps = body_maps(0, 4, 128)
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        ours = file.create_dataset("ours", data=less_row_above(maps), **frame_options(maps.shape[1:]))
        peer = file.create_dataset("peer", data=maps, chunks=(1, *maps.shape[1:]), compression=COMPRESSION)
        file.flush()
        assert ours.id.get_storage_size() < peer.id.get_storage_size()
