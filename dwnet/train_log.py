"""What a training says while it runs: `train_log.csv`, TensorBoard, and the text beside the progress bar.

A row of the log holds the means since the row before. `seconds` is training time, also of the runs before a resume. TensorBoard has the
same, and the speed and memory of the running process.
"""

import csv
import os
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from densepose_cache.whole import room_for, written_whole

from .board import Board
from .devices import peak_memory


class TrainLog:
    """Log of a training on `device` with batches of `batch` samples that is at step `start`.

    Rows up to there stay, later ones, which a killed run left, go. Raises InputError where the disk is full.
    """

    def __init__(self, folder: Path, start: int, batch: int, device: torch.device, memory: dict[str, Any] | None):
        self.path = Path(folder) / "train_log.csv"
        self.batch, self.device = batch, device
        if not start:
            shutil.rmtree(Path(folder) / "tensorboard", ignore_errors=True)
        self.board = Board(Path(folder) / "tensorboard", start)
        memory = memory or {"sums": {}, "count": 0, "seconds": 0.0}
        self._sums: dict[str, float] = dict(memory["sums"])
        self._count: int = memory["count"]
        self._start = time.monotonic() - memory["seconds"]
        self._begun, self._first = time.monotonic(), start
        self._columns: list[str] = []
        self._keep(start)

    def memory(self) -> dict[str, Any]:
        """What a resumed training needs to go on in the middle of a row."""
        return {"sums": dict(self._sums), "count": self._count, "seconds": time.monotonic() - self._start}

    def add(self, losses: dict[str, float]):
        """Count one step's losses."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1

    def row(self, step: int, rate: float):
        """Write the means since the last row as the row of `step`."""
        means = {name: value / self._count for name, value in self._sums.items()}
        usage = {"samples_per_second": self._speed(step), "memory_gigabytes": self._memory()}
        self.board.scalars({"learning_rate": rate, **means, **usage}, step)
        self._append({"step": step, "seconds": f"{time.monotonic() - self._start:.1f}", "learning_rate": rate, **means})
        self._sums, self._count = {}, 0

    def picture(self, step: int, image: torch.Tensor):
        """Show `image` (3, h, w) uint8 in TensorBoard."""
        self.board.picture("source | driving IUV | coarse warp | generated | real", image, step)

    def text(self, step: int, losses: dict[str, float]) -> str:
        """Speed, memory and losses, for the progress bar."""
        usage = f"{self._speed(step):.1f} samples/s | {self._memory():.2f} GB | "
        return usage + " ".join(f"{name} {value:.4g}" for name, value in losses.items())

    def close(self):
        self.board.close()

    def _speed(self, step: int) -> float:
        return (step - self._first) * self.batch / (time.monotonic() - self._begun)

    def _memory(self) -> float:
        return peak_memory(self.device) / 1e9

    def _keep(self, start: int):
        """Leave the rows up to step `start` in the file."""
        rows = []
        if start and self.path.is_file():
            with self.path.open(newline="") as file:
                rows = [row for row in csv.DictReader(file) if (row["step"] or "").isdigit() and int(row["step"]) <= start]
        self._columns = list(rows[0]) if rows else []
        with written_whole(self.path) as temporary, temporary.open("w", newline="") as file:
            self._writer(file, header=bool(rows)).writerows(rows)

    def _append(self, row: dict[str, Any]):
        first = not self._columns
        self._columns = self._columns or list(row)
        size = self.path.stat().st_size
        try:
            with room_for(self.path), self.path.open("a", newline="") as file:
                self._writer(file, header=first).writerow(row)
        except BaseException:
            os.truncate(self.path, size)
            raise

    def _writer(self, file, header: bool) -> csv.DictWriter:
        writer = csv.DictWriter(file, self._columns, lineterminator="\n")
        if header:
            writer.writeheader()
        return writer
