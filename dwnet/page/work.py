"""One worker for all visitors: tasks wait in a line, tell how far they are, and can be stopped."""

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Literal

from densepose_cache.core.errors import InputError

State = Literal["waiting", "running", "done", "failed", "stopped"]


class Task:
    """Work of one visitor: `work` is called with `report(done, total)`, which it must call often, since that is where it is stopped.

    `result` is what it returned, `error` what went wrong, for people.
    """

    def __init__(self, work: Callable[[Callable[[int, int], None]], object]):
        self._work, self._asked_to_stop, self._lock = work, threading.Event(), threading.Lock()
        self.state: State = "waiting"
        self.done = self.total = 0
        self.result, self.error = None, ""
        self._first: tuple[float, int] | None = None
        """When the first items were done, and how many."""
        self._latest = 0.0

    @property
    def ended(self) -> bool:
        return self.state not in ("waiting", "running")

    @property
    def rate(self) -> float | None:
        """Items a second since the first; None before the second one."""
        if self._first is None or self.done <= self._first[1] or self._latest <= self._first[0]:
            return None
        return (self.done - self._first[1]) / (self._latest - self._first[0])

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all items are done, at this rate; None where that is unknown."""
        return (self.total - self.done) / self.rate if self.rate else None

    def stop(self):
        """End the work as Ctrl-C would; a task that waits never begins."""
        self._asked_to_stop.set()
        with self._lock:
            if self.state == "waiting":
                self.state = "stopped"

    def report(self, done: int, total: int):
        """Note that `done` of `total` items are done. Raises KeyboardInterrupt once the task was asked to stop."""
        if self._asked_to_stop.is_set():
            raise KeyboardInterrupt
        self.done, self.total, self._latest = done, total, time.monotonic()
        if done and self._first is None:
            self._first = (self._latest, done)

    def run(self):
        """Do the work, unless it was stopped before. Raises nothing."""
        with self._lock:
            if self.state != "waiting":
                return
            self.state = "running"
        try:
            self.report(0, 0)
            self.result = self._work(self.report)
            self.state = "done"
        except KeyboardInterrupt:
            self.state = "stopped"
        except InputError as error:
            self.error, self.state = str(error), "failed"
        except Exception as error:
            traceback.print_exc()
            self.error, self.state = f"Something went wrong here ({type(error).__name__}: {error})", "failed"


class Worker:
    """Runs tasks in a thread, one after the other. Use as a context manager; at its end all tasks are stopped."""

    def __init__(self):
        self._line: deque[Task] = deque()
        self._changed, self._closed = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, name="animations", daemon=True)

    def __enter__(self) -> "Worker":
        self._thread.start()
        return self

    def __exit__(self, *_):
        with self._changed:
            self._closed = True
            for task in self._line:
                task.stop()
            self._changed.notify()
        self._thread.join()

    def add(self, task: Task):
        """Put `task` at the end of the line."""
        with self._changed:
            self._line.append(task)
            self._changed.notify()

    def before(self, task: Task) -> int:
        """How many tasks come before `task`, the one under way included."""
        with self._changed:
            line = [other for other in self._line if not other.ended]
        return line.index(task) if task in line else 0

    def _run(self):
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._line or self._closed)
                if self._closed and not self._line:
                    return
                task = self._line[0]
            task.run()
            with self._changed:
                self._line.popleft()
