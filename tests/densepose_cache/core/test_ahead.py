"""Items that are made before they are wanted."""

import threading

import pytest

from densepose_cache.core.ahead import ahead


def test_items_come_in_order():
    with ahead((number for number in range(100)), 3) as items:
        assert list(items) == list(range(100))


def test_no_more_are_made_than_were_asked_for():
    """The maker fills the queue, holds one more in its hand, and waits."""
    made, full = [], threading.Event()

    def source():
        for number in range(100):
            made.append(number)
            if number == 4:
                full.set()
            yield number

    with ahead(source(), 3) as items:
        assert next(items) == 0 and full.wait(60)
        assert len(made) <= 5


def test_an_error_comes_where_its_item_is_wanted():
    def source():
        yield 1
        raise ValueError("broken")

    with ahead(source(), 3) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="broken"):
            next(items)


def test_whoever_stops_early_leaves_nothing_running():
    closed, threads = [], threading.active_count()

    def source():
        try:
            while True:
                yield 0
        finally:
            closed.append(True)

    with pytest.raises(KeyError), ahead(source(), 2) as items:
        next(items)
        raise KeyError
    assert closed and threading.active_count() == threads
