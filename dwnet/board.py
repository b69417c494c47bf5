"""Scalars and pictures for TensorBoard.

Events are written at once and in this process: what a killed training has logged is there, and a full disk is an error of the step that
found it, not of a thread beside it.
"""

import contextlib
import os
import socket
import time
from pathlib import Path

import torch
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import summary

from densepose_cache.storage.atomic import room_for


class Board:
    """An event file in `folder`; events of steps after `start` in earlier files are hidden. Raises InputError where the disk is full."""

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
