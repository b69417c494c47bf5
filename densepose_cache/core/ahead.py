"""Work on the next items while the caller uses this one."""

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")
END = object()
WAIT = 0.2
"""Seconds after which a thread that waits for room looks whether anybody still wants its items."""


@contextlib.contextmanager
def ahead(items: Generator[Item], depth: int, prepare: Callable[[], object] = lambda: None) -> Iterator[Iterator[Item]]:
    """Context manager of an iterator over `items`, which a thread of their own makes: `depth` of them wait, and one more is under way.

    `prepare` begins the thread. What making them raises is raised where the item is wanted. At the end, early or not, the thread has
    stopped and `items` is closed.
    """
    made, stopped = queue.Queue(depth), threading.Event()

    def put(what) -> bool:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                made.put(what, timeout=WAIT)
                return True
        return False

    def work():
        try:
            prepare()
            with contextlib.closing(items) as source:
                for item in source:
                    if not put((item, None)):
                        return
            put((END, None))
        except BaseException as error:  # also KeyboardInterrupt: it belongs to whoever wants the items
            put((END, error))

    def taken() -> Iterator[Item]:
        while True:
            item, error = made.get()
            if error is not None:
                raise error
            if item is END:
                return
            yield item

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stopped.set()
        thread.join()
