import io
import os

from densepose_cache.progress import Bar, track


def test_bar_prints_share_and_text_where_output_is_no_terminal(capsys):
    with Bar("decode 000", 4) as bar:
        bar.advance(1)
        bar.advance(3, text="done")
    last = capsys.readouterr().err.splitlines()[-1]
    assert "decode 000" in last and "4/4" in last and last.endswith("done")


def test_track_yields_every_item_once(capsys):
    assert list(track([3, 1, 2], "items")) == [3, 1, 2]
    assert "3/3" in capsys.readouterr().err


def test_items_from_before_count_but_not_for_the_time_left(capsys, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr("densepose_cache.progress.time.monotonic", lambda: clock[0])
    with Bar("train", 100, start=50) as bar:
        clock[0] += 10
        bar.advance(10)
    assert "60/100 40 s left" in capsys.readouterr().err


def test_a_reader_that_is_gone_does_not_end_the_work(monkeypatch):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        monkeypatch.setattr("sys.stderr", io.TextIOWrapper(pipe, write_through=True))
        assert list(track(range(3), "things")) == [0, 1, 2]
