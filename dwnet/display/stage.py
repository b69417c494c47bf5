"""A stage of a run: its jobs, and how far they are by the progress lines in their logs."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from densepose_cache.core.progress import Reading, duration, read_bars

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
COLUMNS = 5
"""Of a stage's line: its name, jobs, clips, frames (or what else it counts), and the time that is left."""
PLURALS = {"shard": "shards", "variant": "runs"}
"""What the jobs of a rule with such a wildcard are."""
TAIL = 8192
"""Bytes at the end of a log in which its last progress line is looked for."""


@dataclass
class Job:
    """A job of the stage `rule`: the first file that it makes, its log, and how many clips its shard has, 0 while they are not known."""

    rule: str
    wildcards: dict[str, str]
    target: str
    log: Path | None
    clips: int = 0
    state: str = WAITING
    reading: Reading | None = None
    _earlier: int | None = None

    def start(self):
        """The job is handed over; what its log says until it begins is from an earlier run."""
        self.state, self.reading, self._earlier = RUNNING, None, _changed(self.log)

    def end(self, state: str):
        self.look()
        self.state = state

    def look(self):
        """Read what the log of a running job says by now."""
        if self.state == RUNNING and _changed(self.log) not in (None, self._earlier):
            with contextlib.suppress(OSError):  # another attempt begins with a new log
                self.reading = [self.reading, *read_bars(tail(self.log))][-1]

    @property
    def clips_done(self) -> int:
        """Finished clips of its shard, those that were taken over among them."""
        if self.state == DONE:
            return self.clips
        return self.clips - self.reading.clips + self.reading.clips_done if self.reading else 0

    @property
    def share(self) -> float:
        """Share of its work that is done, from 0 to 1."""
        if self.state == DONE:
            return 1.0
        return self.reading.done / self.reading.total if self.reading and self.reading.total else 0.0


class Stage:
    """The jobs of one rule."""

    def __init__(self, rule: str):
        self.rule, self.jobs = rule, []
        self._began = self._ended = 0.0
        self._seen: tuple[float, float] | None = None

    def start(self, job: Job):
        job.start()
        self._began = self._began or time.monotonic()

    def end(self, job: Job, state: str):
        job.end(state)
        self._ended = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether nothing of it runs or waits."""
        return all(job.state in (DONE, FAILED) for job in self.jobs)

    @property
    def begun(self) -> bool:
        return self._began > 0

    def cells(self) -> list[str]:
        """The stage's line in its `COLUMNS`; one of which there is nothing to say is empty."""
        for job in self.jobs:
            job.look()
        return [self.rule, self._jobs(), self._clips(), self._amount(), ", ".join(self._state())]

    def _jobs(self) -> str:
        if len(self.jobs) == 1:
            return ""
        kind = next((plural for wildcard, plural in PLURALS.items() if wildcard in self.jobs[0].wildcards), "jobs")
        return f"{self._number(DONE)}/{len(self.jobs)} {kind}"

    def _clips(self) -> str:
        total = sum(job.clips for job in self.jobs)
        return f"{sum(job.clips_done for job in self.jobs):,}/{total:,} clips" if total else ""

    def _amount(self) -> str:
        """What the bars of all its jobs count, of the unit that was seen last."""
        readings = [job.reading for job in self.jobs if job.reading and job.reading.total]
        if not readings:
            return ""
        unit = readings[-1].unit
        done = sum(reading.done for reading in readings if reading.unit == unit)
        total = f"/{readings[0].total:,}" if len(self.jobs) == 1 else ""
        return f"{done:,}{total} {unit}".rstrip()

    def _state(self) -> Iterator[str]:
        if failed := self._number(FAILED):
            yield "failed" if len(self.jobs) == 1 else f"{failed} failed"
        elif self.over:
            yield f"done in {duration(self._ended - self._began)}"
        if self._number(RUNNING):
            yield self._left() or RUNNING
        elif not self.over:
            yield WAITING

    def _left(self) -> str:
        """Words on the time left: what its only job says itself, or by what all have done since the first of them was seen to work."""
        if len(self.jobs) == 1:
            return self.jobs[0].reading.rest if self.jobs[0].reading else ""
        weights = [(job.clips or 1, job.share) for job in self.jobs]
        now, total, done = time.monotonic(), sum(weight for weight, _ in weights), sum(weight * share for weight, share in weights)
        if done and not self._seen:
            self._seen = now, done
        since, before = self._seen or (now, done)
        return f"{duration((now - since) * (total - done) / (done - before))} left" if done > before else ""

    def _number(self, state: str) -> int:
        return sum(job.state == state for job in self.jobs)


def tail(path: Path) -> str:
    """The last `TAIL` bytes of a text file, or all of it."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        return file.read().decode(errors="replace")


def _changed(log: Path | None) -> int | None:
    """When a log was written last, in nanoseconds; None if it is not there."""
    try:
        return log.stat().st_mtime_ns if log else None
    except FileNotFoundError:
        return None
