"""What a training says while it runs: `train_log.csv`, TensorBoard, and the text beside the progress bar.

A row of the log holds the means since the row before. `seconds` is training time, also of the runs before a resume. TensorBoard has the
same, and the speed and memory of the running process.

Both belong to one training, as its states do: a state holds the rows up to its step, and the events lie in a folder that is named after the
training's fingerprint. Another training in the same place leaves states and events alone until it has saved a state of its own.
"""

import contextlib
import csv
import io
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import torch
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import summary

from densepose_cache.storage.atomic import room_for, write_text_whole

from ..core.device import peak_memory

NAME, BOARDS = "train_log.csv", "tensorboard"
"""The log and the folder of event folders, beside the model."""


class TrainLog:
    """Log of the training with fingerprint `run` on `device` with batches of `batch` samples.

    It starts afresh, or goes on after step `start` with the `memory` of the state there. Raises InputError where the disk is full.
    """

    def __init__(self, folder: Path, run: str, start: int, batch: int, device: torch.device, memory: dict[str, Any] | None):
        self.folder, self.run, self.path = Path(folder), run, Path(folder) / NAME
        self.batch, self.device = batch, device
        if memory:
            restore_log(folder, run, start, memory)
        else:
            shutil.rmtree(board_folder(folder, run), ignore_errors=True)
            write_text_whole(self.path, "")
        self.board = Board(board_folder(folder, run), start)
        memory = memory or {"sums": {}, "count": 0, "seconds": 0.0}
        self._sums: dict[str, float] = dict(memory["sums"])
        self._count: int = memory["count"]
        self._start = time.monotonic() - memory["seconds"]
        self._begun, self._first = time.monotonic(), start
        self._columns: list[str] = next(csv.reader(io.StringIO(self.path.read_text(encoding="utf-8"))), [])

    def memory(self) -> dict[str, Any]:
        """What a resumed training needs to go on in the middle of a row, and all rows before."""
        now = {"sums": dict(self._sums), "count": self._count, "seconds": time.monotonic() - self._start}
        return now | {"rows": self.path.read_text(encoding="utf-8")}

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

    def take_place(self):
        """Remove the curves of other trainings: there are states of this one now, and none of theirs."""
        remove_other_boards(self.folder, self.run)

    def close(self):
        self.board.close()

    def _speed(self, step: int) -> float:
        return (step - self._first) * self.batch / (time.monotonic() - self._begun)

    def _memory(self) -> float:
        return peak_memory(self.device) / 1e9

    def _append(self, row: dict[str, Any]):
        first = not self._columns
        self._columns = self._columns or list(row)
        size = self.path.stat().st_size
        try:
            with room_for(self.path), self.path.open("a", newline="") as file:
                writer = csv.DictWriter(file, self._columns, lineterminator="\n")
                if first:
                    writer.writeheader()
                writer.writerow(row)
        except BaseException:
            os.truncate(self.path, size)
            raise


def restore_log(folder: Path, run: str, start: int, memory: dict[str, Any]):
    """Let the log in `folder` be that of the training with fingerprint `run`, whose state after `start` steps has this `memory`.

    A state without rows is from a version that kept them in the log alone, with the events beside each other: what stands there is the
    training's own, the rows only where no other training has written events since then.
    """
    path, boards, own = Path(folder) / NAME, Path(folder) / BOARDS, board_folder(folder, run)
    if "rows" in memory:
        rows = memory["rows"]
    else:
        old = [each for each in boards.glob("*") if each.is_file()]
        strange = any(each.is_dir() and each != own for each in boards.glob("*"))
        rows = "" if strange or not path.is_file() else rows_until(path.read_text(encoding="utf-8"), start)
        own.mkdir(parents=True, exist_ok=True)
        for each in old:
            each.replace(own / each.name)
    write_text_whole(path, rows)
    remove_other_boards(folder, run)


def rows_until(text: str, start: int) -> str:
    """The head of a log and its whole rows up to step `start`."""
    lines = text.splitlines(keepends=True)
    steps = [line.partition(",")[0] for line in lines]
    rows = [line for line, step in zip(lines, steps, strict=True) if line.endswith("\n") and step.isdigit() and int(step) <= start]
    return "".join([*lines[:1], *rows]) if rows else ""


def board_folder(folder: Path, run: str) -> Path:
    """Where the events of the training with fingerprint `run` lie, TensorBoard's name for it."""
    return Path(folder) / BOARDS / run[:8]


def remove_other_boards(folder: Path, run: str):
    """Remove the events of all trainings but that with fingerprint `run`."""
    for each in (Path(folder) / BOARDS).glob("*"):
        if each.is_file():
            each.unlink()
        elif each != board_folder(folder, run):
            shutil.rmtree(each, ignore_errors=True)


class Board:
    """An event file in `folder`; events of steps after `start` in earlier files are hidden. Raises InputError where the disk is full.

    It is not PyTorch's SummaryWriter, which writes in a thread: where the disk is full, that thread prints a traceback of its own.
    """

    def __init__(self, folder: Path, start: int):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        self._file = self.path.open("wb")
        self._records = RecordWriter(self._file)
        self._write(file_version="brain.Event:2")
        if start:
            self._write(step=start + 1, session_log=SessionLog(status=SessionLog.START))

    def scalars(self, values: dict[str, float], step: int):
        """Points of the curves `values` by name."""
        for name, value in values.items():
            self._write(step=step, summary=summary.scalar(name, value))

    def picture(self, name: str, image: torch.Tensor, step: int):
        """`image` (3, h, w) uint8."""
        self._write(step=step, summary=summary.image(name, image, dataformats="CHW"))

    def close(self):
        """Close the file; all that was written is in it already."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _write(self, **content):
        with room_for(self.path):
            self._records.write(Event(wall_time=time.time(), **content).SerializeToString())
            self._file.flush()
