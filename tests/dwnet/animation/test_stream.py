"""Sequences of which only a part lies in memory."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dwnet.animation.stream import FrameStream, Recent


def test_recent_items_can_be_looked_at_again():
    recent = Recent(iter("abcdef"), kept=2)
    assert recent[0] == "a" and recent[1] == "b" and recent[0] == "a" and recent[4] == "e" and recent[3] == "d"
    with pytest.raises(IndexError, match="item 2 is gone"):
        recent[2]


def test_windows_that_threads_ask_for_are_read_in_order():
    frames = FrameStream((np.full((4, 4, 3), number, np.uint8) for number in range(40)), 40, 4, keep=True)
    with ThreadPoolExecutor(4) as pool:
        later = [pool.submit(frames.__getitem__, slice(start, start + 8)) for start in (32, 24, 16, 8)][::-1]
        assert len(frames) == 40 and frames[0:8][7].max() == 7
        assert [found.result()[0].max() for found in later] == [8, 16, 24, 32]
    assert [frames.take().max() for _ in range(40)] == list(range(40))


def test_a_failure_wakes_whoever_waits():
    def broken():
        yield np.zeros((4, 4, 3), np.uint8)
        raise ValueError("damaged")

    frames = FrameStream(broken(), 8, 4, keep=False)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(frames.__getitem__, slice(4, 8))
        with pytest.raises(ValueError, match="damaged"):
            frames[0:4]
        assert waits.exception(60) is not None
