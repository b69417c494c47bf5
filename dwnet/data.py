"""Training samples from the cache: bytes and indices leave the loader, colours and coordinates are made on the device.

A sample of `targets` = T frames at H x W; a batch of B samples has the same with B in second place:

    source          (H, W, 3)     uint8   frame i, the source image
    real            (T, H, W, 3)  uint8   frames j, j + 1, ...: targets and, for all but the first, driving frames of the next
    iuv             (T, H, W, 3)  uint8   their IUV maps
    source_index    (T, H, W)     int32   source pixel of every driving pixel, from the source frame
    previous_index  (T, H, W)     int32   the same from the frame before; the first row repeats source_index (Eq. 2)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from densepose_cache.digest import digest, file_sha256
from densepose_cache.errors import InputError
from densepose_cache.reader import SplitReader

from .warping import grid_from_index

COLUMNS = ("clip", "epoch", "source", "target")


class SampleDataset(Dataset):
    """Rows of `samples.csv`, read from `train.h5`. Raises InputError if the table is missing or empty or names clips that are not there."""

    def __init__(self, train_h5: Path, samples_csv: Path, targets: int):
        self.reader = SplitReader(Path(train_h5))
        self.targets = targets
        table = _read_table(Path(samples_csv))
        clips = sorted(set(table["clip"]))
        unknown = sorted(set(clips) - set(self.reader.clips))
        if unknown:
            raise InputError(f"{samples_csv}: clip {unknown[0]} is not in {train_h5}; run the `index` stage again")
        self._clips = clips
        self._rows = np.column_stack([np.searchsorted(clips, table["clip"].astype(str)), table["source"], table["target"]])
        self.digest = digest([[clip, self.reader.digest(clip)] for clip in clips], file_sha256(Path(samples_csv)))
        """Digest of all that training reads."""
        self.epochs: list[np.ndarray] = [np.flatnonzero(table["epoch"] == epoch) for epoch in sorted(set(table["epoch"]))]
        """Rows of the table by drawn epoch."""

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> "dict[str, np.ndarray | str] | InputError":
        """One sample; an error is handed over as a value, since a loader process would bury it in its own traceback."""
        try:
            clip, source, target = self._rows[row].tolist()
            return self._read(self._clips[clip], source, target)
        except InputError as error:
            return error

    def _read(self, clip: str, source: int, first: int) -> dict[str, np.ndarray | str]:
        targets = range(first, first + self.targets)
        from_source = [self.reader.grid(clip, source, target) for target in targets]
        from_previous = [from_source[0], *(self.reader.grid(clip, target - 1, target) for target in targets[1:])]
        return {
            "clip": clip,
            "source": self.reader.frames(clip, source),
            "real": self.reader.frames(clip, targets),
            "iuv": self.reader.iuv(clip, targets),
            "source_index": np.stack(from_source).astype(np.int32),
            "previous_index": np.stack(from_previous).astype(np.int32),
        }


def _read_table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path}: no such table of samples; run the `index` stage to build it")
    try:
        table = pd.read_csv(path, dtype={"clip": str})
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from None
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise InputError(f"{path}: lacks the column {missing[0]}; needed: {', '.join(COLUMNS)}")
    if table.empty:
        raise InputError(f"{path}: holds no sample; training needs at least one clip in the split `train`")
    return table


class BatchOrder(Sampler[list[int]]):
    """Rows of the batches from `start` up to `stop`. Pass p takes drawn epoch p, the first again after the last, shuffled by seed and p.

    Batches run on over the end of a pass, so all are full.
    """

    def __init__(self, epochs: list[np.ndarray], batch: int, seed: int, start: int, stop: int):
        self.epochs, self.batch, self.seed, self.start, self.stop = epochs, batch, seed, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[list[int]]:
        rows = self._rows(self.start * self.batch)
        for _ in range(len(self)):
            yield [next(rows) for _ in range(self.batch)]

    def _rows(self, skip: int) -> Iterator[int]:
        number = 0
        while True:
            epoch = self.epochs[number % len(self.epochs)]
            if skip < len(epoch):
                order = np.random.default_rng(int(digest("order", self.seed, number), 16)).permutation(epoch)
                yield from order[skip:].tolist()
            skip = max(skip - len(epoch), 0)
            number += 1


def _collate(samples: list) -> "dict | InputError":
    for sample in samples:
        if isinstance(sample, InputError):
            return sample
    batch = {"clip": [sample["clip"] for sample in samples]}
    for key in samples[0]:
        if key != "clip":
            batch[key] = torch.from_numpy(np.stack([sample[key] for sample in samples], axis=0 if key == "source" else 1))
    return batch


def batches(dataset: SampleDataset, order: BatchOrder, workers: int, pin: bool) -> Iterator[dict]:
    """Batches of byte tensors in the given order, read ahead by `workers` processes. Raises InputError where the cache cannot be read."""
    loader = DataLoader(
        dataset,
        batch_sampler=order,
        num_workers=workers,
        collate_fn=_collate,
        pin_memory=pin,
        worker_init_fn=_ignore_signals,
        generator=torch.Generator(),
    )
    for batch in loader:
        if isinstance(batch, InputError):
            raise batch
        yield batch


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


def scaled(images: Tensor) -> Tensor:
    """Images or IUV maps (..., H, W, 3) uint8 to (..., 3, H, W) float32 in [-1, 1]."""
    return images.movedim(-1, -3).contiguous().float().div_(127.5).sub_(1)


def to_device_batch(batch: dict, device: torch.device) -> Batch:
    """Move a batch of bytes and indices to `device` and scale it there."""
    moved = {key: value.to(device, non_blocking=True) for key, value in batch.items() if key != "clip"}
    height, width = moved["source"].shape[1:3]
    colours = {key: scaled(moved[key]) for key in ("source", "real", "iuv")}
    grids = {f"{key}_grid": grid_from_index(moved[f"{key}_index"], height, width) for key in ("source", "previous")}
    return Batch(clips=batch["clip"], **colours, **grids)
