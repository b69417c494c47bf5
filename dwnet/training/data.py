"""Training samples from the cache: bytes and indices leave the loader, colours and coordinates are made on the device.

A batch of B samples of `targets` = T frames at H x W; indices are uint16 up to 256x256, uint32 above:

    source          (B, H, W, 3)     uint8   frame i, the source image
    real            (T, B, H, W, 3)  uint8   frames j, j + 1, ...: targets and, for all but the first, driving frames of the next
    iuv             (T, B, H, W, 3)  uint8   their IUV maps
    source_index    (T, B, H, W)     source pixel of every driving pixel, from the source frame
    previous_index  (T - 1, B, H, W)  the same from the frame before, for all frames but the first, which has its source before it (Eq. 2)
    source_corner   (B,)             uint8   part of the source's top-left pixel: with it indices tell what is visible

For a generator that copies, grids are filled and carried over the body's edge, and what it is prepared with comes along:

    source_iuv         (B, H, W, 3)      uint8   map of the source
    plate              (B, H, W, 3)      uint8   the source without its person
    source_distance    (T, B, H, W)      uint8   centimetres on the body, as `FilledGrid` has them
    previous_distance  (T - 1, B, H, W)  uint8
    smooth_way         (T, B, H, W, 2)   float32 the second grid, as `SmoothGrid` has it
    smooth_distance    (T, B, H, W)      uint8
    edge               (T, B, H, W)      uint8   distance from the body's edge, as `carried` gives it
"""

import atexit
import contextlib
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from densepose_cache.cache.index import read_samples
from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.ahead import ahead
from densepose_cache.core.errors import InputError
from densepose_cache.storage.digest import digest
from densepose_cache.video.plate import background_plate
from densepose_cache.warp.carry import filled_and_carried
from densepose_cache.warp.fill import SourceSurface
from densepose_cache.warp.grid import index_dtype
from densepose_cache.warp.smooth import SmoothSurface

from ..model.prepared import carried_edge, distance_metres
from ..model.warping import grid_from_index, grid_from_way, matched_pixels, visible_pixels
from .shared_batches import Filled, Layout, Ring

AHEAD = 2
"""Batches that every loader process reads ahead."""


class SampleDataset:
    """Training samples of `train.h5`, in the order of their columns there. Raises InputError if the index cannot be read or has none."""

    def __init__(self, train_h5: Path, targets: int, filled: bool = False):
        self.reader = SplitReader(Path(train_h5))
        self.targets, self.filled = targets, filled
        self.samples = read_samples(Path(train_h5))
        if not len(self):
            raise InputError(f"{train_h5}: holds no sample; training needs the index of the split `train`")
        self.digest = self.reader.split_digest
        """Digest of all that training reads; the draw of samples is part of every clip's."""
        self.epochs: list[range] = self.samples.epochs
        """Rows by drawn epoch."""

    def __len__(self) -> int:
        return len(self.samples)

    def layout(self, batch: int) -> Layout:
        """Shapes and types of the arrays of a batch of `batch` samples."""
        size, targets, colours, index = self.reader.size, self.targets, np.dtype(np.uint8), index_dtype(self.reader.size, self.reader.size)
        of_compose: Layout = {
            "source_iuv": ((batch, size, size, 3), colours),
            "plate": ((batch, size, size, 3), colours),
            "source_distance": ((targets, batch, size, size), colours),
            "previous_distance": ((targets - 1, batch, size, size), colours),
            "smooth_way": ((targets, batch, size, size, 2), np.dtype(np.float32)),
            "smooth_distance": ((targets, batch, size, size), colours),
            "edge": ((targets, batch, size, size), colours),
        }
        layout: Layout = {
            "source": ((batch, size, size, 3), colours),
            "real": ((targets, batch, size, size, 3), colours),
            "iuv": ((targets, batch, size, size, 3), colours),
            "source_index": ((targets, batch, size, size), index),
            "previous_index": ((targets - 1, batch, size, size), index),
            "source_corner": ((batch,), colours),
        }
        return layout | of_compose if self.filled else layout

    def read(self, rows: Sequence[int], out: dict[str, np.ndarray]) -> list[str]:
        """Read the samples of `rows` into the arrays `out`, of the layout of as many samples or more. Returns their clips.

        Raises InputError where the cache cannot be read.
        """
        clips = []
        for place, (_, number, source, first) in enumerate(zip(*map(np.ndarray.tolist, self.samples.take(rows)), strict=True)):
            clip, targets = self.reader.clips[number], range(first, first + self.targets)
            for t, target in enumerate(targets):
                out["source_index"][t, place] = self.reader.grid(clip, source, target)
                if t:
                    out["previous_index"][t - 1, place] = self.reader.grid(clip, target - 1, target)
                out["iuv"][t, place] = self.reader.iuv(clip, target)
                out["real"][t, place] = self.reader.frames(clip, target)
            out["source"][place] = self.reader.frames(clip, source)
            source_iuv = self.reader.iuv(clip, source)
            out["source_corner"][place] = source_iuv[0, 0, 0]
            if self.filled:
                once = ("source", "source_iuv", "plate")
                sample = {name: array[place] if name in once else array[:, place] for name, array in out.items() if array.ndim > 1}
                fill_sample(sample, source_iuv)
            clips.append(clip)
        return clips


def fill_sample(sample: dict[str, np.ndarray], source_iuv: np.ndarray):
    """Fill and carry the grids of one sample, arrays of a batch without its axis B, in place, and add what goes with them."""
    sample["source_iuv"][:] = source_iuv
    sample["plate"][:] = background_plate(sample["source"], source_iuv)
    surface, smooth, before = SourceSurface(source_iuv), SmoothSurface(source_iuv), source_iuv
    for t, iuv in enumerate(sample["iuv"]):
        grid = filled_and_carried(surface, source_iuv, iuv, sample["source_index"][t])
        sample["source_index"][t], sample["source_distance"][t], sample["edge"][t] = grid
        sample["smooth_way"][t], sample["smooth_distance"][t] = smooth.grid(iuv)
        if t:
            grid = filled_and_carried(SourceSurface(before), before, iuv, sample["previous_index"][t - 1])
            sample["previous_index"][t - 1], sample["previous_distance"][t - 1], _ = grid
        before = iuv


class TrainingData:
    """One data set to train on, or several that take turns batch by batch; their frames may differ in size.

    Raises InputError as `SampleDataset` does.
    """

    def __init__(self, train_h5: Path | Sequence[Path], targets: int, filled: bool = False):
        paths = [train_h5] if isinstance(train_h5, str | Path) else train_h5
        self.parts = [SampleDataset(path, targets, filled) for path in paths]
        self.digest = self.parts[0].digest if len(self.parts) == 1 else digest("mixed", *(part.digest for part in self.parts))
        """Digest of all that training reads."""
        self.size = max(part.reader.size for part in self.parts)
        """Side of the largest frames in pixels."""

    def passes(self) -> list[int]:
        """Samples in every drawn epoch of all data sets together."""
        longest = max(len(part.epochs) for part in self.parts)
        return [sum(len(part.epochs[number % len(part.epochs)]) for part in self.parts) for number in range(longest)]

    def batches(self, batch: int, seed: int, steps: range, workers: int, pin: bool, rank: int = 0, size: int = 1) -> Iterator[dict]:
        """Batches of the steps `steps`, counted from 0: step s takes the data set s modulo their number. See `batches` and `BatchOrder`."""
        count = len(self.parts)
        with contextlib.ExitStack() as stack:
            streams = []
            for number, part in enumerate(self.parts):
                start, stop = (-((number - step) // count) for step in (steps.start, steps.stop))
                order = BatchOrder(part.epochs, batch, seed, start, stop, rank, size)
                streams.append(stack.enter_context(contextlib.closing(batches(part, order, workers, pin))))
            for step in steps:
                yield next(streams[step % count])


class BatchOrder(Sampler[list[int]]):
    """Rows of the batches from `start` up to `stop`. Pass p takes drawn epoch p, the first again after the last, shuffled by seed and p.

    Batches run on over the end of a pass, so all are full. Process `rank` of `size` gets its share of every batch, one after the other.
    """

    def __init__(self, epochs: list[Sequence[int]], batch: int, seed: int, start: int, stop: int, rank: int = 0, size: int = 1):
        self.epochs, self.batch, self.seed, self.start, self.stop = epochs, batch, seed, start, stop
        self.share = slice(rank * batch // size, (rank + 1) * batch // size)

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[int]]:
        rows = self._rows(self.start * self.batch)
        for _ in range(len(self)):
            yield [next(rows) for _ in range(self.batch)][self.share]

    def _rows(self, skip: int) -> Iterator[int]:
        number = 0
        while True:
            epoch = self.epochs[number % len(self.epochs)]
            if skip < len(epoch):
                order = np.random.default_rng(int(digest("order", self.seed, number), 16)).permutation(len(epoch))
                yield from (epoch[place] for place in order[skip:])
            skip = max(skip - len(epoch), 0)
            number += 1


class _Slotted(Sampler[tuple[int, list[int]]]):
    """The rows of every batch, and the slot of a ring of `slots` that it goes to."""

    def __init__(self, order: Iterable[list[int]], slots: int):
        self.order, self.slots = order, slots

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        for number, rows in enumerate(self.order):
            yield number % self.slots, rows


class _Filler(Dataset):
    """Reads batches of `data` into the slots of a ring."""

    def __init__(self, data: SampleDataset, ring: Ring):
        self.data, self.ring = data, ring

    def __getitem__(self, task: tuple[int, list[int]]) -> Filled | InputError:
        """An error is handed over as a value, since a loader process would bury it in its own traceback."""
        slot, rows = task
        try:
            return Filled(slot, {"clip": self.data.read(rows, self.ring.slots[slot])})
        except InputError as error:
            return error


def batches(dataset: SampleDataset, order: Iterable[list[int]], workers: int, pin: bool) -> Iterator[dict]:
    """Batches of tensors, and the list `clip`, in the given order of batches of one size, read ahead by `workers` processes.

    A batch is good until the next one is asked for: its memory is then used again. Raises InputError where the cache cannot be read.
    """
    rows = next(iter(order), None)
    if rows is None:
        return
    dataset.reader.close()
    ring = Ring(dataset.layout(len(rows)), AHEAD * workers + 1)
    loader = DataLoader(
        _Filler(dataset, ring),
        batch_size=None,
        sampler=_Slotted(order, len(ring.slots)),
        num_workers=workers,
        prefetch_factor=AHEAD if workers else None,
        multiprocessing_context="fork" if workers else None,
        worker_init_fn=_ignore_signals,
        generator=torch.Generator(),
    )
    running = [iter(loader)]
    atexit.register(running.clear)
    try:
        stream = _received(running, ring, pin)
        if pin and workers:
            with ahead(stream, 1, functools.partial(_use_device, torch.cuda.current_device())) as copies:
                yield from copies
        else:
            yield from stream
    finally:
        running.clear()
        atexit.unregister(running.clear)


def _received(running: list[Iterator[Filled | InputError]], ring: Ring, pin: bool) -> Iterator[dict]:
    """The batches of the loader that `running` holds. Raises the InputError that it hands over."""
    while (filled := next(running[0], None)) is not None:
        if isinstance(filled, InputError):
            raise filled
        yield ring.batch(filled, pin)


def _use_device(number: int):
    """Begin a thread that page-locks memory for the GPU `number`, with one core."""
    torch.set_num_threads(1)
    torch.cuda.set_device(number)


def _ignore_signals(_worker: int):
    """A stop is the training process's business: it saves its state first, then ends its loaders."""
    import signal

    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


@dataclass
class Batch:
    """A batch on the device; colours and IUV maps are x / 127.5 - 1, grids x, y in [-1, 1], all float32."""

    clips: list[str]
    source: Tensor
    """(B, 3, H, W)"""
    real: Tensor
    """(T, B, 3, H, W)"""
    iuv: Tensor
    """(T, B, 3, H, W)"""
    source_grid: Tensor
    """(T, B, H, W, 2)"""
    previous_grid: Tensor
    """(T, B, H, W, 2)"""
    source_visible: Tensor | None = None
    """(T, B, H, W) bool, where the refine branch is shown it."""
    previous_visible: Tensor | None = None
    """(T, B, H, W) bool, likewise."""
    source_iuv: Tensor | None = None
    """(B, 3, H, W), and all that follows: of a generator that copies."""
    plate: Tensor | None = None
    """(B, 3, H, W)"""
    source_distance: Tensor | None = None
    """(T, B, H, W) float32 as in `Prepared`, and so are the next three."""
    previous_distance: Tensor | None = None
    smooth_distance: Tensor | None = None
    edge: Tensor | None = None
    smooth_grid: Tensor | None = None
    """(T, B, H, W, 2)"""

    def frame(self, t: int) -> dict[str, Tensor]:
        """What a generator is given of frame `t` beside the five arguments, by its name in `Prepared`."""
        distances = ("source_distance", "previous_distance", "smooth_distance")
        names = ("source_visible", "previous_visible", *distances, "smooth_grid", "edge")
        return {name: value[t] for name in names if (value := getattr(self, name)) is not None}


def scaled(images: Tensor) -> Tensor:
    """Images or IUV maps (..., H, W, 3) uint8 to (..., 3, H, W) float32 in [-1, 1]."""
    return images.movedim(-1, -3).contiguous().float().div_(127.5).sub_(1)


def to_device_batch(batch: dict, device: torch.device, visibility: bool = False, stream: "torch.cuda.Stream | None" = None) -> Batch:
    """Move a batch of bytes and indices to `device` and scale it there; with `visibility` the masks of the grids are made, too, which
    filled grids always have.

    With `stream` a GPU copies it while it works on what it was given before.
    """
    moved = _moved({key: value for key, value in batch.items() if key != "clip"}, device, stream)
    height, width = moved["source"].shape[1:3]
    filled = "plate" in moved
    colours = {key: scaled(moved[key]) for key in ("source", "real", "iuv", *(("source_iuv", "plate") if filled else ()))}
    source, previous = (grid_from_index(moved[f"{key}_index"], height, width) for key in ("source", "previous"))
    masks = _of_filled(moved) if filled else _masks(moved) if visibility else {}
    return Batch(clips=batch["clip"], **colours, source_grid=source, previous_grid=torch.cat([source[:1], previous]), **masks)


def _moved(tensors: dict[str, Tensor], device: torch.device, stream: "torch.cuda.Stream | None") -> dict[str, Tensor]:
    if stream is None:
        return {key: value.to(device, non_blocking=True) for key, value in tensors.items()}
    with torch.cuda.stream(stream):
        moved = _moved(tensors, device, None)
    here = torch.cuda.current_stream(device)
    here.wait_stream(stream)
    for value in moved.values():
        value.record_stream(here)
    return moved


def _masks(moved: dict[str, Tensor]) -> dict[str, Tensor]:
    parts = moved["iuv"][..., 0]
    source = visible_pixels(moved["source_index"], parts, moved["source_corner"])
    previous = visible_pixels(moved["previous_index"], parts[1:], parts[:-1, :, 0, 0])
    return {"source_visible": source, "previous_visible": torch.cat([source[:1], previous])}


def _of_filled(moved: dict[str, Tensor]) -> dict[str, Tensor]:
    parts, source = moved["iuv"][..., 0], moved["source_iuv"][..., 0]
    before = torch.cat([source[None], parts[:-1]])
    matched = torch.stack([matched_pixels(source, part) for part in parts])
    first = matched[:1], moved["source_distance"][:1]
    return {
        "source_visible": matched,
        "previous_visible": torch.cat([first[0], *(matched_pixels(*pair)[None] for pair in zip(before[1:], parts[1:], strict=True))]),
        "source_distance": distance_metres(moved["source_distance"]),
        "previous_distance": distance_metres(torch.cat([first[1], moved["previous_distance"]])),
        "smooth_distance": distance_metres(moved["smooth_distance"]),
        "smooth_grid": grid_from_way(moved["smooth_way"]),
        "edge": carried_edge(moved["edge"]),
    }
