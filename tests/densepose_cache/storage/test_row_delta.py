"""Frames less the rows above, as HDF5 stores them and gives them back."""

import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people import body_maps

from densepose_cache.cache.shard import COMPRESSION, ShardWriter
from densepose_cache.storage.row_delta import FILTER, frame_options
from densepose_cache.storage.row_kernels import add_above, subtract_above


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_the_difference_to_the_row_above_and_back(rows, row, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, row), dtype=np.uint8)
    stored = pixels.copy()
    subtract_above(stored.reshape(-1), row)
    assert np.array_equal(stored, np.diff(pixels, axis=0, prepend=np.zeros((1, row), np.uint8)))
    add_above(stored.reshape(-1), row)
    assert np.array_equal(stored, pixels)


@pytest.mark.parametrize(("shape", "dtype"), [((3, 8, 16, 3), np.uint8), ((2, 1, 5, 3), np.uint8), ((4, 7, 9), np.uint16)])
def test_a_stack_comes_back_whole_and_in_part(tmp_path, shape, dtype):
    frames = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
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
            assert filters == [FILTER, hdf5plugin.BLOSC_ID, h5py.h5z.FILTER_FLETCHER32]
            assert data.chunks == (1, *shape[1:])
            for part in (slice(None), -1, (slice(None), 0, 1)):
                assert np.array_equal(data[part], frames[part])


def test_an_empty_stack(tmp_path):
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        ShardWriter.write(file, "frames", np.zeros((0, 4, 4, 3), np.uint8))
        assert file["frames"].shape == (0, 4, 4, 3)


def test_maps_take_fewer_bytes_than_in_zstandard(tmp_path):
    maps = body_maps(0, 4, 128)
    with h5py.File(tmp_path / "stack.h5", "w") as file:
        ours = file.create_dataset("ours", data=maps, **frame_options(maps.shape[1:]))
        peer = file.create_dataset("peer", data=maps, chunks=(1, *maps.shape[1:]), compression=COMPRESSION)
        file.flush()
        assert ours.id.get_storage_size() < peer.id.get_storage_size()


def test_stacks_in_zstandard_are_read_and_taken_over(tmp_path):
    path, frames = tmp_path / "000.h5", np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    for clips in ("a", "ab"):
        with ShardWriter(path, "decode", {}) as shard:
            for clip in clips:
                if not shard.keep(clip, "1"):
                    options = {"chunks": (1, 4, 4, 3), "compression": COMPRESSION, "fletcher32": True}
                    shard.create(clip, "1").create_dataset("rgb", data=frames, **(options if clip == "a" else frame_options((4, 4, 3))))
    assert (shard.kept, shard.created) == (["a"], ["b"])
    with h5py.File(path) as file:
        assert all(np.array_equal(file[clip]["rgb"][:], frames) for clip in "ab")
