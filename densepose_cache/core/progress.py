"""Progress bars for long steps: live on a terminal, a line with a bar every few seconds where the output goes to a log or a pipe."""

import contextlib
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")
LOG_SECONDS = 5.0
WIDTH = 24
LINE = re.compile(rf"^.+ \[[#-]{{{WIDTH}}}\] (\d+)/(\d+)(?: ([A-Za-z]+))?(?: (\d+)/(\d+) clips)?(?: (.+))?$", re.M)
"""What a bar prints into a log; groups: done, total, unit, clips done, clips, the rest."""


class Reading(NamedTuple):
    """What a bar's line says: items done and their total, what they are, clips done and their number, time and free text."""

    done: int
    total: int
    unit: str
    clips_done: int
    clips: int
    rest: str


def read_bars(text: str) -> list[Reading]:
    """What the bars' lines in the text of a log say, the last one last."""
    found = (match.groups() for match in LINE.finditer(text))
    return [
        Reading(int(done), int(total), unit or "", int(some or 0), int(clips or 0), rest or "")
        for done, total, unit, some, clips, rest in found
    ]


def duration(seconds: float) -> str:
    """Seconds in words: 40 s, 1 min 20 s, 2 h 5 min."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    return f"{seconds // 60} min {seconds % 60} s" if seconds < 3600 else f"{seconds // 3600} h {seconds % 3600 // 60} min"


class Bar:
    """A progress bar with a free text at its end. Use as a context manager; `advance` after every finished item.

    `start` items were finished before: they count, but say nothing about the time left. `unit` says what the items are, in one word; where
    they are parts of `clips`, each of these is worked on inside of `clip`. `report` is called with the items done and their total; what it
    raises ends the work.
    """

    def __init__(
        self, label: str, total: int, start: int = 0, unit: str = "", clips: int = 0, report: Callable[[int, int], None] | None = None
    ):
        self.label, self.total, self.start, self.done, self.text = label, total, start, start, ""
        self.unit, self.clips, self.clips_done, self._report = unit, clips, 0, report
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
        if self._report:
            self._report(self.done, self.total)

    @contextlib.contextmanager
    def clip(self, count: int) -> Iterator[None]:
        """Context manager of a clip of `count` items: those that were not counted inside, since something was given up, are at its end."""
        before = self.done
        yield
        self.clips_done += 1
        self.advance(before + count - self.done)

    def _print(self):
        self._printed = time.monotonic()
        share = self.done / self.total if self.total else 1.0
        elapsed = self._printed - self._started
        counted = self.done - self.start
        left = f"{duration(elapsed * (self.total - self.done) / counted)} left" if counted and self.done < self.total else duration(elapsed)
        bar = ("#" * round(WIDTH * share)).ljust(WIDTH, "-")
        counts = f"{self.done}/{self.total} {self.unit}".rstrip() + (f" {self.clips_done}/{self.clips} clips" if self.clips else "")
        with contextlib.suppress(BrokenPipeError):  # who reads the log may be gone: that must not end the work, nor change its exit code
            print(f"{self.label} [{bar}] {counts} {left} {self.text}".rstrip(), file=sys.stderr, flush=True)


def track(items: Iterable[Item], label: str, total: int | None = None, unit: str = "") -> Iterator[Item]:
    """Yield `items`, each one `unit`, while a bar named `label` counts them."""
    with Bar(label, total if total is not None else len(items), unit=unit) as bar:
        for item in items:
            yield item
            bar.advance()
