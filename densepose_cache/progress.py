"""Progress bars for long steps: live on a terminal, one line every few seconds in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")
LOG_SECONDS = 10.0


class Bar:
    """A progress bar with a free text at its end. Use as a context manager; `advance` after every finished item."""

    def __init__(self, label: str, total: int):
        self.label, self.total, self.done, self.text = label, total, 0, ""
        self._live = None
        self._printed = time.monotonic()

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
            self._task = self._live.add_task(self.label, total=self.total, text="")
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

    def _print(self):
        print(f"{self.label}: {self.done}/{self.total} {self.text}".rstrip(), file=sys.stderr, flush=True)
        self._printed = time.monotonic()


def track(items: Iterable[Item], label: str, total: int | None = None) -> Iterator[Item]:
    """Yield `items` while a bar named `label` counts them."""
    with Bar(label, total if total is not None else len(items)) as bar:
        for item in items:
            yield item
            bar.advance()
