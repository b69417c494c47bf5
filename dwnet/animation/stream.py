"""Long sequences that are read once, in order: of each only what is just in use lies in memory."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")


class Recent(Generic[Item]):
    """The items of an iterator by number, as a sequence would give them, as long as nobody goes back further than `kept` items."""

    def __init__(self, items: Iterator[Item], kept: int):
        self._items, self._recent, self._first = items, deque(maxlen=kept), 0

    def __getitem__(self, number: int) -> Item:
        while number >= self._first + len(self._recent):
            if len(self._recent) == self._recent.maxlen:
                self._first += 1
            self._recent.append(next(self._items))
        if number < self._first:
            raise IndexError(f"item {number} is gone: only the last {len(self._recent)} are kept, from {self._first} on")
        return self._recent[number - self._first]


class FrameStream:
    """Decoded frames (T, S, S, 3) uint8 as detectors slice them, each read once, in order, perhaps by several threads.

    With `keep` they wait to be taken by `take`, too.
    """

    def __init__(self, frames: Iterator[np.ndarray], length: int, size: int, keep: bool):
        self.shape = (length, size, size, 3)
        self._frames, self._keep, self._next = frames, keep, 0
        self._kept: deque[np.ndarray] = deque()
        self._turn, self._failed = threading.Condition(), False

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, window: slice) -> np.ndarray:
        """Frames of the next window. Waits until the ones before it have been read."""
        start, stop, _ = window.indices(len(self))
        with self._turn:
            self._turn.wait_for(lambda: self._next == start or self._failed)
            self._failed = True  # unless all goes well: whoever waits must not wait for ever
            try:
                frames = np.stack([next(self._frames) for _ in range(stop - start)])
                self._next, self._failed = stop, False
            finally:
                self._turn.notify_all()
            if self._keep:
                self._kept.extend(frames)
        return frames

    def take(self) -> np.ndarray:
        """The first frame (S, S, 3) that was not taken yet. Reads it where nobody else has."""
        if not self._kept:
            self[self._next : self._next + 1]
        return self._kept.popleft()
