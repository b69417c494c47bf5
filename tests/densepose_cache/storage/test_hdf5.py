"""HDF5 files on a disk that is full: the error of the first write that failed is raised, and the process goes on."""

import errno

import h5py
import numpy as np
import pytest

from densepose_cache.storage.hdf5 import Hdf5File


def fill(file: Hdf5File):
    """Ten arrays of 20 kB, half of them in chunks, each read back as it was."""
    for number in range(10):
        values = np.random.default_rng(number).integers(0, 256, (20, 1000), dtype=np.uint8)
        data = file.create_dataset(f"{number}", data=values, chunks=(1, 1000) if number % 2 else None)
        file[f"{number}"].attrs["note"] = "n" * 500
        assert np.array_equal(data[:], values)


def test_what_is_written_with_room_is_whole(tmp_path, room):
    with Hdf5File(tmp_path / "a.h5") as file:
        fill(file)
        file.check()
        del file["3"]
    with h5py.File(tmp_path / "a.h5") as file:
        assert len(file) == 9 and all(len(data[:]) == 20 for data in file.values())


@pytest.mark.parametrize("size", [0, 100, 5_000, 50_000, 150_000, 199_000])
def test_the_first_write_that_fails_is_told_at_the_next_check_or_at_the_end(tmp_path, room, size):
    room(size)
    file = Hdf5File(tmp_path / "a.h5")
    fill(file)
    with pytest.raises(OSError) as told:
        file.close()
    assert told.value.errno == errno.EFBIG and not file
    with pytest.raises(OSError), Hdf5File(tmp_path / "b.h5") as file:
        fill(file)
        fill_again(file)
        file.check()
    assert not file


def fill_again(file: Hdf5File):
    """Overwrite what `fill` has written, with and without chunks."""
    for name in ("2", "3"):
        file[name][:] = 7
        assert (file[name][:] == 7).all()


def test_room_that_comes_too_late_makes_no_file_of_pieces(tmp_path, room):
    room(60_000)
    file = Hdf5File(tmp_path / "a.h5")
    fill(file)
    room(None)
    with pytest.raises(OSError):
        file.close()


def test_an_exception_is_not_hidden_by_the_full_disk_behind_it(tmp_path, room):
    room(100)
    with pytest.raises(KeyError), Hdf5File(tmp_path / "a.h5") as file:
        fill(file)
        raise KeyError
    assert not file


def test_a_file_that_cannot_be_made(tmp_path):
    with pytest.raises(FileNotFoundError):
        Hdf5File(tmp_path / "no" / "a.h5")
