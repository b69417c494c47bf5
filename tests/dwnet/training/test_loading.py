"""Batches out of loader processes: what is in them, their order, the files and the memory that the processes take, their end."""

import collections
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from small_cache import SHARDS

from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.shard import FOLDERS
from densepose_cache.warp.carry import carried
from densepose_cache.warp.fill import SourceSurface
from densepose_cache.warp.grid import coordinates
from densepose_cache.warp.smooth import SmoothSurface
from dwnet.training.data import AHEAD, BatchOrder, SampleDataset, batches, to_device_batch
from dwnet.training.shared_batches import Ring


@pytest.fixture
def data(cache, generator):
    """The samples for each generator."""
    return SampleDataset(cache / "train.h5", 3, filled=generator == "compose")


def loaders() -> list[int]:
    """The loader processes of this process."""
    return [process.pid for process in multiprocessing.active_children()]


def rings() -> list[Ring]:
    """The rings whose memory this process holds."""
    return [each for each in gc.get_objects() if isinstance(each, Ring)]


def files_open(pid: int, folder: Path) -> list[Path]:
    links = [link for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return sorted(path for link in links if (path := link.readlink()).is_relative_to(folder))


def shards(folder: Path) -> list[Path]:
    return sorted(folder / kind / f"{number:03d}.h5" for kind in FOLDERS for number in range(SHARDS))


def anonymous_memory(pid: int) -> int:
    """KiB of a process that are no file's and nobody else's."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def grid(reader: SplitReader, clip: str, source: int, target: int, filled: bool) -> np.ndarray:
    """The cache's grid, or what becomes of it."""
    index = reader.grid(clip, source, target)
    if not filled:
        return index
    before, after = reader.iuv(clip, source), reader.iuv(clip, target)
    return carried(SourceSurface(before).fill(after, index), before, after)[0]


def smooth_way(reader: SplitReader, clip: str, source: int, target: int) -> np.ndarray:
    """The smooth grid, of a generator that copies."""
    return SmoothSurface(reader.iuv(clip, source)).grid(reader.iuv(clip, target)).way


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_batch_is_in_its_place_and_holds_its_rows(cache, data, workers):
    order = BatchOrder(data.epochs, 4, 0, 3, 3 + 4 * (AHEAD * 2 + 1))
    table = pd.read_csv(cache / "samples.csv")
    with SplitReader(cache / "train.h5") as reader:
        for rows, raw in zip(order, batches(data, order, workers, pin=False), strict=True):
            assert raw["clip"] == table["clip"][rows].tolist()
            for place, (clip, source, first) in enumerate(table.loc[rows, ["clip", "source", "target"]].itertuples(index=False)):
                targets = range(first, first + 3)
                assert np.array_equal(raw["source"][place], reader.frames(clip, source))
                assert np.array_equal(raw["real"][:, place], reader.frames(clip, targets))
                assert np.array_equal(raw["iuv"][:, place], reader.iuv(clip, targets))
                there = [grid(reader, clip, source, t, data.filled) for t in targets]
                assert np.array_equal(raw["source_index"][:, place], there)
                before = [grid(reader, clip, t - 1, t, data.filled) for t in targets[1:]]
                assert np.array_equal(raw["previous_index"][:, place], before)
                if data.filled:
                    assert np.array_equal(raw["smooth_way"][:, place], [smooth_way(reader, clip, source, t) for t in targets])


def test_loader_processes_open_every_shard_once_and_for_themselves(cache, data, tmp_path, monkeypatch):
    class Noted(h5py.File):
        def __init__(self, name, *arguments, **options):
            with (tmp_path / "opened.txt").open("a") as file:
                file.write(f"{os.getpid()} {name}\n")
            super().__init__(name, *arguments, **options)

    monkeypatch.setattr(h5py, "File", Noted)
    order = BatchOrder(data.epochs, 2, 0, 0, 60)
    data.reader.frames("anna", 0)
    stream, workers = batches(data, order, 2, pin=False), []
    for number, _ in enumerate(stream):
        if number == 0:
            workers = loaders()
            assert files_open(os.getpid(), cache) == []
        if number == len(order) - AHEAD * 2 - 1:
            assert all(files_open(pid, cache) == sorted([cache / "train.h5", *shards(cache)]) for pid in workers)
    lines = [line.split() for line in (tmp_path / "opened.txt").read_text().splitlines()]
    counts = collections.Counter((int(pid), Path(path)) for pid, path in lines if int(pid) != os.getpid())
    assert len(workers) == 2
    assert counts == dict.fromkeys(((pid, path) for pid in workers for path in [cache / "train.h5", *shards(cache)]), 1)


def test_the_memory_of_a_loader_process_and_of_this_one_stays_as_it_is(data):
    order, seen = BatchOrder(data.epochs, 2, 0, 0, 400), {}
    for number, _ in enumerate(batches(data, order, 1, pin=False)):
        if number in (100, 390):
            seen[number] = [anonymous_memory(pid) for pid in (*loaders(), os.getpid())]
    assert len(seen[100]) == len(seen[390]) == 2
    assert all(after < before + 1024 for before, after in zip(seen[100], seen[390], strict=True))


def test_the_cache_may_be_read_here_while_loader_processes_read_it(data):
    stream = batches(data, [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11], [0, 1]], 1, pin=False)
    first = {name: value.clone() for name, value in next(stream).items() if name != "clip"}
    data.read([0, 1], here := Ring(data.layout(2), 1).slots[0])
    assert all(np.array_equal(first[name], here[name]) for name in here)
    *_, last = stream
    assert all(torch.equal(first[name], last[name]) for name in first)


def test_nothing_is_left_of_a_reading_that_was_given_up(data):
    gc.collect()  # what exceptions of other tests hold
    stream = batches(data, BatchOrder(data.epochs, 2, 0, 0, 50), 2, pin=False)
    next(stream)
    assert len(loaders()) == 2 and len(rings()) == 1
    del stream
    assert loaders() == [] and len(rings()) == 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("workers", [0, 2])
def test_pinned_batches_are_copies_that_the_next_ones_leave_alone(data, workers):
    order = BatchOrder(data.epochs, 2, 0, 0, 12)
    pinned = list(batches(data, order, workers, pin=True))
    for raw, wanted in zip(pinned, batches(data, order, 0, pin=False), strict=True):
        assert raw.pop("clip") == wanted.pop("clip")
        assert all(value.is_pinned() and torch.equal(value, wanted[name]) for name, value in raw.items())
        moved = to_device_batch(raw | {"clip": []}, torch.device("cuda"))
        here = to_device_batch(wanted | {"clip": []}, torch.device("cpu"))
        assert torch.equal(moved.source_grid.cpu(), here.source_grid) and torch.equal(moved.previous_grid.cpu(), here.previous_grid)


@pytest.fixture
def plain_copies(monkeypatch):
    """Batches that ask for page-locked memory get plain copies, as if there were a GPU; the threads that asked for it."""
    threads = set()
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: (threads.add(threading.current_thread()), tensor.clone())[1])
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_device", lambda number: None)
    return threads


@pytest.mark.parametrize("workers", [0, 2])
def test_copies_are_made_in_another_thread_where_loader_processes_read(data, plain_copies, workers):
    order = BatchOrder(data.epochs, 2, 0, 0, 12)
    copies = list(batches(data, order, workers, pin=True))
    for raw, wanted in zip(copies, batches(data, order, 0, pin=False), strict=True):
        assert raw.pop("clip") == wanted.pop("clip")
        assert raw.keys() == wanted.keys() and all(torch.equal(value, wanted[name]) for name, value in raw.items())
    assert len(plain_copies) == 1 and (threading.main_thread() in plain_copies) == (workers == 0)


def test_nothing_is_left_of_a_reading_with_copies_that_was_given_up(data, plain_copies):
    gc.collect()
    stream = batches(data, BatchOrder(data.epochs, 2, 0, 0, 50), 2, pin=True)
    next(stream)
    assert len(loaders()) == 2 and len(rings()) == 1
    del stream
    assert loaders() == [] and len(rings()) == 0 and not any(thread.is_alive() for thread in plain_copies)


def test_a_loader_process_that_is_killed_ends_a_reading_with_copies(data, plain_copies):
    stream = batches(data, BatchOrder(data.epochs, 2, 0, 0, 500), 1, pin=True)
    next(stream)
    os.kill(loaders()[0], signal.SIGKILL)
    with pytest.raises(RuntimeError, match="DataLoader worker"):
        collections.deque(stream, maxlen=0)
    assert loaders() == [] and not any(thread.is_alive() for thread in plain_copies)


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
def test_indices_of_either_width_become_the_same_coordinates(dtype):
    index = np.random.default_rng(0).permutation(64 * 64).reshape(1, 1, 64, 64).astype(dtype)
    size, filled = 64, {"clip": ["a"], "previous_index": torch.from_numpy(index[:0])}
    filled |= {name: torch.zeros(1, size, size, 3, dtype=torch.uint8) for name in ("source", "real", "iuv")}
    batch = to_device_batch(filled | {"source_index": torch.from_numpy(index)}, torch.device("cpu"))
    assert np.array_equal(batch.source_grid.numpy(), coordinates(index)) and torch.equal(batch.previous_grid, batch.source_grid)


def test_an_order_without_batches_gives_none(data):
    assert list(batches(data, BatchOrder(data.epochs, 2, 0, 5, 5), 2, pin=False)) == []


def test_a_program_ends_though_a_reading_is_under_way(cache):
    """Loader processes ignore SIGTERM, with which Python would end them."""
    script = "import sys; from dwnet.training.data import *; data = SampleDataset(sys.argv[1], 3); "
    script += "stream = batches(data, BatchOrder(data.epochs, 2, 0, 0, 50), 1, False); next(stream); print('done')"
    command = [sys.executable, "-c", script, str(cache / "train.h5")]
    assert subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stdout == "done\n"
