"""Training samples a second out of a cache of 38 shards of 16 clips at 256x256, in the order of training, and where the time goes.

Usage: [DWNET_TEST_DATA=...] python benchmarks/loader.py [--cache DIR] [--frames 32] [--samples 4000] [--batch 8] [--workers 0 1 2]

The cache is that of `loader_cache.py`, built in DIR, or taken from there if it is complete, or in a temporary folder (2.5 GB). A sample is
four frames, three IUV maps and five grids. `--samples 0` reads a whole pass over the data. Files are read once before, so that they come
from memory where there is enough; what a disk adds depends on the disk.

Peers in the same run: `pictures`, what a user has without the cache, as the official code does it: frames and IUV maps from PNG files,
five grids by new k-d trees for every part, scaled to float32 in the loader, PyTorch's collate. `per_item`, the obvious Dataset over this
cache: it opens the index for every sample, scales in the loader, PyTorch's collate. Both with the largest number of workers.

Prints one JSON line. `samples_per_second` is wall time on this machine as busy as it is (`load`: mean number of waiting processes);
`core_ms` is the processor time of a sample in all processes, `samples_per_core_second` its inverse, `main_ms` the part of the process that
trains. `where_ms` splits a sample's core time in a process of its own. `memory_mb`: anonymous memory of each loader process after half of
the samples and at the end, and of the ring that the batches lie in. `opened`: shards that each loader process opened, the most often
any was opened, and the number of shards.
"""

import argparse
import collections
import datetime
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import torch
from loader_cache import PEOPLE, SHARDS, build_cache
from natsort import natsorted
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from warp import processor, trees_per_pair

from densepose_cache.cache.reader import FRAMES, IUV, WARPS
from densepose_cache.cache.shard import shard_name
from densepose_cache.cache.stack import Stack
from densepose_cache.iuv import read_iuv_png, write_iuv_png
from densepose_cache.warp.codec import MapCodes, decode
from densepose_cache.warp.grid import coordinates
from dwnet.training.data import AHEAD, BatchOrder, SampleDataset, batches, to_device_batch
from dwnet.training.shared_batches import Ring

TARGETS = 3
TICK = os.sysconf("SC_CLK_TCK")
WARM_UP = 4
"""Batches a loader process before the clock starts."""


def process_seconds(pid: int) -> float:
    """Processor time of a process, in user and system mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def anonymous_mb(pid: int) -> float:
    """Memory of a process that is no file's and not shared, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def loaders() -> list[int]:
    return [process.pid for process in multiprocessing.active_children()]


class Opened(h5py.File):
    """An HDF5 file that notes in the file `log`, one line a time, which process opens it."""

    log: Path

    def __init__(self, name, *arguments, **options):
        with self.log.open("a") as file:
            file.write(f"{os.getpid()} {name}\n")
        super().__init__(name, *arguments, **options)


def opened(log: Path, pids: list[int], index: Path) -> dict:
    """Shards that each of the processes opened, and how often the one that was opened most often."""
    lines = [line.split(maxsplit=1) for line in log.read_text().splitlines()]
    counts = {pid: collections.Counter(name for who, name in lines if int(who) == pid and name != str(index)) for pid in pids}
    return {"shards": [len(count) for count in counts.values()], "most": max(max(count.values()) for count in counts.values())}


def run(stream: Iterator, count: int, batch: int, workers: int, look: Callable[[int, list[int]], None] = lambda *_: None) -> dict:
    """Read `count` batches and more for a start; `look` is called in between with the number of the batch and the loader processes."""
    warm = WARM_UP * max(workers, 1)
    for _ in range(warm):
        next(stream)
    pids = loaders() if workers else []
    start, main, others = time.perf_counter(), time.process_time(), sum(map(process_seconds, pids))
    for number in range(count):
        next(stream)
        look(number, pids)
    wall, main = time.perf_counter() - start, time.process_time() - main
    core = main + sum(map(process_seconds, pids)) - others
    samples = count * batch
    return {
        "samples_per_second": samples / wall,
        "core_ms": 1e3 * core / samples,
        "samples_per_core_second": samples / core,
        "main_ms": 1e3 * main / samples,
        "load": round(os.getloadavg()[0], 1),
    }


def measure(data: SampleDataset, samples: int, batch: int, workers: int, log: Path) -> dict:
    """What `dwnet.training.data.batches` gives with a number of loader processes."""
    count = samples // batch
    warm = WARM_UP * max(workers, 1)
    order = BatchOrder(data.epochs, batch, 0, 0, warm + count + AHEAD * workers)
    memory, files = {}, {}

    def look(number: int, pids: list[int]):
        if number in (count // 2, count - 1):
            memory[number] = [round(anonymous_mb(pid), 1) for pid in pids or [os.getpid()]]
        if number == count - 1:
            files.update(opened(log, pids or [os.getpid()], data.reader.path))

    log.write_text("")
    result = run(batches(data, order, workers, pin=False), count, batch, workers, look)
    ring = Ring(data.layout(batch), AHEAD * workers + 1)
    first, last = memory.values()
    sizes = {"after_half": first, "at_the_end": last, "ring": round(len(ring.slots) * ring.bytes / 2**20, 1)}
    return result | {"samples": count * batch, "memory_mb": sizes, "opened": files | {"of": 3 * SHARDS}}


def where(data: SampleDataset, batch: int, count: int) -> dict[str, float]:
    """Milliseconds of a sample by what is done, in one process whose files are open; opening is counted per clip."""
    spent: dict[str, float] = collections.defaultdict(float)

    def timed(name: str, action, *arguments):
        start = time.thread_time()
        result = action(*arguments)
        spent[name] += time.thread_time() - start
        return result

    reader, ring = data.reader, Ring(data.layout(batch), 1)
    reader.close()
    clips = [timed("open a clip", reader._clip, clip) for clip in reader.clips]
    opening = spent.pop("open a clip") / len(clips)
    for rows in BatchOrder(data.epochs, batch, 1, 0, count):
        for number, source, first in members(data, rows):
            clip, numbers, codes = clips[number], [source, first, first + 1, first + 2], {}
            for kind in (FRAMES, IUV):
                for frame in numbers:
                    stack = clip.data[kind]
                    timed(f"chunk read, {kind}", stack.dataset.id.read_direct_chunk, (frame, 0, 0, 0))
                    found = timed(f"decompress, {kind}", stack.__getitem__, frame)
                    if kind == IUV and frame not in codes:
                        codes[frame] = timed("grids, maps made ready", MapCodes.of, found)
            for pair in [*((source, j) for j in numbers[1:]), (first, first + 1), (first + 1, first + 2)]:
                place = int(np.flatnonzero((clip.pairs == pair).all(1))[0])
                stored = timed("grids, read", clip.data[WARPS].__getitem__, slice(*clip.bounds[place : place + 2].tolist()))
                timed("grids, decode", decode, stored, codes[pair[0]], codes[pair[1]])
            reader._maps.clear()
        timed("all", data.read, rows, ring.slots[0])
        timed("to float32 tensors on the CPU", to_device_batch, {"clip": []} | ring.tensors(0), torch.device("cpu"))
    for kind in (FRAMES, IUV):
        spent[f"decompress, {kind}"] -= spent[f"chunk read, {kind}"]
    device, total = spent.pop("to float32 tensors on the CPU"), spent.pop("all")
    spent["places in the batch, and the rest"] = total - sum(spent.values())
    spent |= {"all": total, "afterwards, to float32 tensors on the CPU": device}
    return {"open a clip, once": round(1e3 * opening, 3)} | {name: round(1e3 * value / batch / count, 3) for name, value in spent.items()}


def members(data: SampleDataset, rows: list[int]) -> list[tuple[int, int, int]]:
    """Number of the clip, source frame and first target frame of rows."""
    return list(zip(*map(np.ndarray.tolist, data.samples.take(rows)[1:]), strict=True))


def as_floats(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).movedim(-1, -3).float() / 127.5 - 1


class PerItem(Dataset):
    """The obvious Dataset: the index is opened for every sample, its links are followed, floats come out."""

    def __init__(self, data: SampleDataset):
        self.path, self.data = data.reader.path, data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        [(number, source, first)] = members(self.data, [row])
        targets = [first, first + 1, first + 2]
        with h5py.File(self.path, "r") as file:
            name, shard = self.data.reader.clips[number], shard_name(file["clips/shard"][number])
            rgb, iuv = Stack(file["frames"][shard][name]["rgb"]), Stack(file["iuv"][shard][name]["iuv"])
            warps = file["warps"][shard][name]
            maps = {frame: iuv[frame] for frame in [source, *targets]}
            pairs, bounds = warps["pairs"][:].tolist(), warps["grid_bounds"][:]
            grids = []
            for one, other in [*((source, j) for j in targets), (first, first + 1), (first + 1, first + 2)]:
                place = pairs.index([one, other])
                stored = warps["grid"][bounds[place] : bounds[place + 1]]
                grids.append(coordinates(decode(stored, MapCodes.of(maps[one]), MapCodes.of(maps[other]))))
            frames = np.stack([rgb[frame] for frame in [source, *targets]])
        return {
            "frames": as_floats(frames),
            "iuv": as_floats(np.stack([maps[j] for j in targets])),
            "grids": torch.from_numpy(np.stack(grids)),
        }


class Pictures(Dataset):
    """The official way: PNG files, new trees for every part and pair, floats."""

    def __init__(self, data: SampleDataset, folder: Path):
        self.data = data
        self.clips = [[natsorted((folder / str(person) / kind).iterdir()) for kind in ("rgb", "iuv")] for person in range(PEOPLE)]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        [(number, source, first)] = members(self.data, [row])
        rgb, iuv = self.clips[int(self.data.reader.clips[number].split("-")[-1]) % PEOPLE]
        numbers = [source, first, first + 1, first + 2]
        frames = np.stack([np.asarray(Image.open(rgb[frame]).convert("RGB")) for frame in numbers])
        maps = {frame: read_iuv_png(iuv[frame]) for frame in numbers}
        pairs = [*((source, j) for j in numbers[1:]), (first, first + 1), (first + 1, first + 2)]
        grids = np.stack([trees_per_pair(maps[one], maps[other]).astype(np.float32) for one, other in pairs])
        targets = np.stack([maps[j] for j in numbers[1:]])
        return {"frames": as_floats(frames), "iuv": as_floats(targets), "grids": torch.from_numpy(grids)}


def write_pictures(cache: Path, folder: Path):
    """PNG files of the frames and maps of the four people."""
    for person in range(PEOPLE):
        for kind in ("rgb", "iuv"):
            (folder / str(person) / kind).mkdir(parents=True)
    with h5py.File(cache / "people/frames.h5") as frames, h5py.File(cache / "people/iuv.h5") as maps:
        for person in range(PEOPLE):
            rgb, iuv = Stack(frames[f"train-{person}/rgb"]), Stack(maps[f"train-{person}/iuv"])
            for k in range(len(rgb)):
                Image.fromarray(rgb[k]).save(folder / str(person) / "rgb" / f"{k}.png")
                write_iuv_png(folder / str(person) / "iuv" / f"{k}_IUV.png", iuv[k])


def peer(dataset: Dataset, order: BatchOrder, workers: int) -> dict:
    """What PyTorch's loader makes of a peer."""
    warm = WARM_UP * max(workers, 1)
    stream = iter(DataLoader(dataset, batch_sampler=order, num_workers=workers, generator=torch.Generator()))
    return run(stream, len(order) - warm - AHEAD * workers, order.batch, workers)


def check(data: SampleDataset, items: list[Dataset], batch: int):
    """All peers give the same first batch."""
    rows = next(iter(BatchOrder(data.epochs, batch, 0, 0, 1)))
    ring = Ring(data.layout(batch), 1)
    data.read(rows, ring.slots[0])
    ours = to_device_batch({"clip": []} | ring.tensors(0), torch.device("cpu"))
    for place, row in enumerate(rows):
        frames = torch.stack([ours.source[place], *ours.real[:, place]])
        grids = torch.cat([ours.source_grid[:, place], ours.previous_grid[1:, place]])
        for dataset in items:
            item = dataset[row]
            assert torch.equal(item["frames"], frames) and torch.equal(item["iuv"], ours.iuv[:, place])
            if isinstance(dataset, PerItem):
                assert torch.equal(item["grids"], grids)


def rounded(values: dict) -> dict:
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in values.items()}


def read_all(folder: Path) -> float:
    """Read every shard once, so that the system keeps them in memory; their size in GB."""
    return sum(len(path.read_bytes()) for path in folder.glob("*/*.h5")) / 1e9


def main():
    parser = argparse.ArgumentParser(description="Measure how fast training samples come out of the cache.")
    parser.add_argument("--cache", type=Path, help="folder to build the cache in, or that holds it")
    parser.add_argument("--frames", type=int, default=32, help="frames a clip")
    parser.add_argument("--samples", type=int, default=4000, help="samples to read for every number of workers; 0: all of a pass")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="numbers of loader processes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        scratch, cache = Path(name), options.cache or Path(name) / "cache"
        if not (cache / "source.txt").is_file():
            (cache / "source.txt").write_text(build_cache(cache, options.frames))
        write_pictures(cache, scratch / "pictures")
        gigabytes = read_all(cache)
        Opened.log = scratch / "opened.txt"
        Opened.log.touch()
        h5py.File = Opened
        data = SampleDataset(cache / "train.h5", TARGETS)
        samples, most = options.samples or len(data.epochs[0]), max(options.workers)
        peers = {"pictures": Pictures(data, scratch / "pictures"), "per_item": PerItem(data)}
        check(data, list(peers.values()), options.batch)
        result = {"benchmark": "loader", "clips": (cache / "source.txt").read_text(), "shards": SHARDS, "gigabytes": round(gigabytes, 2)}
        result["workers"] = {workers: rounded(measure(data, samples, options.batch, workers, Opened.log)) for workers in options.workers}
        result["where_ms"] = where(data, options.batch, 25)
        found = {}
        for (kind, dataset), count in zip(peers.items(), (3, 50), strict=True):
            count += (WARM_UP + AHEAD) * most
            found[kind] = rounded(peer(dataset, BatchOrder(data.epochs, options.batch, 2, 0, count), most))
        result["peers"] = found
        ours = result["workers"][most]
        result["times"] = {kind: round(values["core_ms"] / ours["core_ms"], 1) for kind, values in found.items()}
        result["cpu"] = f"{os.cpu_count()} cores, {processor()}"
        result["date"] = datetime.date.today().isoformat()
        result["versions"] = {"torch": torch.__version__, "h5py": h5py.__version__, "HDF5": h5py.version.hdf5_version}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
