import io
import os
import re
import time

import pytest

from densepose_cache.core.progress import Bar, Reading, duration, read_bars, track


def test_bar_prints_share_and_text_where_output_is_no_terminal(capsys):
    with Bar("decode 000", 4) as bar:
        bar.advance(1)
        bar.advance(3, text="done")
    last = capsys.readouterr().err.splitlines()[-1]
    assert "decode 000" in last and "4/4" in last and last.endswith("done")


def test_what_a_bar_prints_can_be_read_again(capsys):
    with Bar("Decode 000", 40, start=10, unit="frames", clips=3) as bar, bar.clip(8):
        bar.advance(5, text="anna [1] 3/4")
    assert list(track([1], "things")) == [1]
    print("error: no bar")
    text = "".join(capsys.readouterr()[::-1])
    assert read_bars(text) == [Reading(18, 40, "frames", 1, 3, "0 s left anna [1] 3/4"), Reading(1, 1, "", 0, 0, "0 s")]


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59.4, "59 s"), (80, "1 min 20 s"), (7500, "2 h 5 min")])
def test_durations_are_said_in_words(seconds, words):
    assert duration(seconds) == words


def test_track_yields_every_item_once(capsys):
    assert list(track([3, 1, 2], "items")) == [3, 1, 2]
    assert "3/3" in capsys.readouterr().err


def test_items_from_before_count_but_not_for_the_time_left(capsys):
    """Ten items in a second at least leave forty for four; with those from before it would be less than one."""
    with Bar("train", 100, start=50) as bar:
        time.sleep(1)
        bar.advance(10)
    left = re.search(r"60/100 (\d+) s left", capsys.readouterr().err)
    assert left and int(left[1]) >= 4


def test_a_reader_that_is_gone_does_not_end_the_work(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        monkeypatch.setattr("sys.stderr", io.TextIOWrapper(pipe, write_through=True))
        assert list(track(range(3), "things")) == [0, 1, 2]
