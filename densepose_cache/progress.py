"""Progress bars for long steps: live on a terminal, a line with a bar every few seconds where the output goes to a log or a pipe."""

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")
LOG_SECONDS = 5.0
WIDTH = 24


class Bar:
    """A progress bar with a free text at its end. Use as a context manager; `advance` after every finished item.

    `start` items were finished before: they count, but say nothing about the time left.
    """

    def __init__(self, label: str, total: int, start: int = 0):
        self.label, self.total, self.start, self.done, self.text = label, total, start, start, ""
        self._live = None
        self._started = self._printed = time.monotonic()

    def __enter__(self) -> "Bar":
        if sys.stderr.isatty():
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[text]}"),
            )
            self._live = Progress(*columns, console=Console(stderr=True), transient=False)
            self._task = self._live.add_task(self.label, total=self.total, completed=self.start, text="")
            self._live.start()
        return self

    def __exit__(self, *_):
        if self._live:
            self._live.stop()
        else:
            self._print()

    def advance(self, count: int = 1, text: str | None = None):
        self.done += count
        self.text = self.text if text is None else text
        if self._live:
            self._live.update(self._task, completed=self.done, text=self.text)
        elif time.monotonic() - self._printed > LOG_SECONDS:
            self._print()

    @contextlib.contextmanager
    def whole(self, count: int) -> Iterator[None]:
        """Context manager of `count` items: those that were not counted inside, since something was given up, are counted at its end."""
        before = self.done
        yield
        self.advance(before + count - self.done)

    def _print(self):
        self._printed = time.monotonic()
        share = self.done / self.total if self.total else 1.0
        elapsed = self._printed - self._started
        counted = self.done - self.start
        left = f"{elapsed * (self.total - self.done) / counted:.0f} s left" if counted and self.done < self.total else f"{elapsed:.0f} s"
        bar = ("#" * round(WIDTH * share)).ljust(WIDTH, "-")
        with contextlib.suppress(BrokenPipeError):  # who reads the log may be gone: that must not end the work, nor change its exit code
            print(f"{self.label} [{bar}] {self.done}/{self.total} {left} {self.text}".rstrip(), file=sys.stderr, flush=True)


def track(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Yield `items` while a bar named `label` counts them."""
    with Bar(label, total if total is not None else len(items)) as bar:
        for item in items:
            yield item
            bar.advance()
