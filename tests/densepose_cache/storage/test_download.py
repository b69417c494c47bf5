import threading
from pathlib import Path

import pytest

from densepose_cache.core.errors import InputError
from densepose_cache.storage import download as download_module
from densepose_cache.storage.download import Gone, Unfinished, download

DATA = bytes(range(256)) * 4000


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_whole_file(web, tmp_path):
    web.files["/a"] = DATA
    seen = []
    download(f"{web.url}/a", tmp_path / "sub/a.bin", progress=seen.append)
    assert (tmp_path / "sub/a.bin").read_bytes() == DATA
    assert seen == sorted(seen) and seen[-1] == len(DATA)
    assert names(tmp_path / "sub") == ["a.bin"]


def test_a_broken_transfer_goes_on_where_it_stopped(web, tmp_path):
    web.files["/a"], web.faults["/a"] = DATA, [("cut", 300_000), ("cut", 200_000)]
    download(f"{web.url}/a", tmp_path / "a.bin", pause=0.01)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    first, second, third = (int(asked[6:-1]) if asked else 0 for _, asked in web.requests)
    assert first == 0 and 200_000 < second <= 300_000 and second < third <= second + 200_000


def test_a_later_run_goes_on_too(web, tmp_path):
    web.files["/a"], web.faults["/a"] = DATA, [("cut", 300_000)]
    with pytest.raises(Unfinished, match=r"/a: the download broke off .*goes on where it stopped"):
        download(f"{web.url}/a", tmp_path / "a.bin", attempts=1)
    have = (tmp_path / "a.bin.part").stat().st_size
    assert not (tmp_path / "a.bin").exists() and 200_000 < have <= 300_000
    download(f"{web.url}/a", tmp_path / "a.bin", attempts=1)
    assert (tmp_path / "a.bin").read_bytes() == DATA and names(tmp_path) == ["a.bin"]
    assert web.requests[-1][1] == f"bytes={have}-"


def test_a_file_that_changed_meanwhile_starts_anew(web, tmp_path):
    web.files["/a"], web.faults["/a"] = DATA, [("cut", 300_000)]
    with pytest.raises(Unfinished):
        download(f"{web.url}/a", tmp_path / "a.bin", attempts=1)
    web.files["/a"], web.tags["/a"] = DATA[::-1], 2
    download(f"{web.url}/a", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == DATA[::-1]


def test_a_server_without_ranges(web, tmp_path):
    web.ranges, web.files["/a"], web.faults["/a"] = False, DATA, [("cut", 300_000)]
    download(f"{web.url}/a", tmp_path / "a.bin", pause=0.01)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_part_that_is_already_whole(web, tmp_path):
    web.files["/a"] = DATA
    (tmp_path / "a.bin.part").write_bytes(DATA)
    download(f"{web.url}/a", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_a_part_that_is_too_long_starts_anew(web, tmp_path):
    web.files["/a"] = DATA
    (tmp_path / "a.bin.part").write_bytes(DATA + b"more")
    download(f"{web.url}/a", tmp_path / "a.bin", pause=0.01)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_errors_that_pass_are_tried_again(web, tmp_path):
    web.files["/a"], web.faults["/a"] = DATA, [503, 429, 500]
    download(f"{web.url}/a", tmp_path / "a.bin", pause=0.01)
    assert (tmp_path / "a.bin").read_bytes() == DATA and len(web.requests) == 4


@pytest.mark.parametrize("fault", [("stall", 300_000), "silent"])
def test_a_server_that_stalls(web, tmp_path, monkeypatch, fault):
    monkeypatch.setattr(download_module, "TIMEOUT", (60, 2.0))
    web.files["/a"], web.faults["/a"] = DATA, [fault]
    download(f"{web.url}/a", tmp_path / "a.bin", pause=0.01)
    assert (tmp_path / "a.bin").read_bytes() == DATA and len(web.requests) == 2
    assert (web.requests[1][1] is not None) == (fault != "silent"), "goes on where it stalled"
    web.faults["/a"] = [fault] * 2
    with pytest.raises(Unfinished, match=r"/a: the download broke off \(.*(Timeout|Connection).*goes on where it stopped"):
        download(f"{web.url}/a", tmp_path / "b.bin", attempts=2, pause=0.01)
    assert not (tmp_path / "b.bin").exists()


class Waits(threading.Event):
    """Notes the seconds that it is waited for, and does not wait."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def wait(self, timeout=None):
        self.seconds.append(timeout)
        return False


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("7", 7),
        ("9999", 300),
        ("soon", 1),
        ("0", 1),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 300),
        ("Fri, 01 Jan 2100 00:00:00 -0000", 300),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
    ],
)
def test_the_server_says_when_to_come_again(web, tmp_path, wish, seconds):
    web.files["/a"], web.faults["/a"] = DATA, [(429, {"Retry-After": wish})]
    stop = Waits()
    download(f"{web.url}/a", tmp_path / "a.bin", stop=stop)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert stop.seconds == [seconds]


def test_pauses_double_up_to_a_minute(web, tmp_path):
    web.faults["/a"] = [503] * 9
    stop = Waits()
    with pytest.raises(Unfinished):
        download(f"{web.url}/a", tmp_path / "a.bin", attempts=9, stop=stop)
    assert stop.seconds == [1, 2, 4, 8, 16, 32, 60, 60]


def refuse(path):
    """Accepts the whole file alone."""
    if path.stat().st_size != len(DATA):
        raise InputError("half a video")


def test_a_file_of_unknown_length_that_came_in_part_is_brought_anew(web, tmp_path):
    web.files["/a"], web.faults["/a"] = DATA, [("unsized", 200_000), ("unsized", 300_000)]
    download(f"{web.url}/a", tmp_path / "a.bin", refuse, pause=0.01)
    assert (tmp_path / "a.bin").read_bytes() == DATA and [asked for _, asked in web.requests] == [None] * 3
    web.faults["/a"] = [("unsized", 200_000)] * 2
    with pytest.raises(Gone, match="half a video"):
        download(f"{web.url}/a", tmp_path / "b.bin", refuse, attempts=2, pause=0.01)
    assert names(tmp_path) == ["a.bin"]


def test_a_server_that_goes_on_elsewhere(web, tmp_path):
    web.files["/a"], web.faults["/a"] = DATA, [("cut", 300_000), ("elsewhere", 50)]
    download(f"{web.url}/a", tmp_path / "a.bin", pause=0.01)
    assert (tmp_path / "a.bin").read_bytes() == DATA and web.requests[2][1] is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full, which is always full")
def test_a_full_disk_is_no_fault_of_the_server(web, tmp_path):
    web.files["/a"] = DATA
    (tmp_path / "a.bin.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"a\.bin\.part: cannot be written \(No space left on device\); make room") as caught:
        download(f"{web.url}/a", tmp_path / "a.bin")
    assert not isinstance(caught.value, Gone | Unfinished) and len(web.requests) == 1


def test_errors_that_stay(web, tmp_path):
    web.files["/a"], web.faults["/a"] = DATA, [503] * 3
    with pytest.raises(Unfinished, match=r"/a: the download broke off \(HTTP 503\)"):
        download(f"{web.url}/a", tmp_path / "a.bin", attempts=3, pause=0.01)
    assert len(web.requests) == 3 and not names(tmp_path)


@pytest.mark.parametrize("status", [404, 410, 403])
def test_what_is_gone_is_asked_for_once(web, tmp_path, status):
    web.faults["/a"] = [status]
    with pytest.raises(Gone, match=rf"/a: HTTP {status}"):
        download(f"{web.url}/a", tmp_path / "a.bin")
    assert len(web.requests) == 1 and not names(tmp_path)


def test_what_the_check_refuses_is_removed(web, tmp_path):
    web.files["/a"] = DATA

    def check(path):
        assert path.stat().st_size == len(DATA)
        raise InputError("no such video")

    with pytest.raises(Gone, match=r"/a: .*no such video"):
        download(f"{web.url}/a", tmp_path / "a.bin", check)
    assert not names(tmp_path)


@pytest.mark.parametrize(("url", "error"), [("ftp://127.0.0.1/a", Gone), ("no-url", Gone), ("http://127.0.0.1:9/a", Unfinished)])
def test_what_cannot_be_reached(tmp_path, url, error):
    with pytest.raises(error, match=url):
        download(url, tmp_path / "a.bin", attempts=2, pause=0.01)
    assert not names(tmp_path)


def test_stop_ends_the_tries(web, tmp_path):
    web.files["/a"] = DATA
    stop = threading.Event()
    stop.set()
    with pytest.raises(Unfinished):
        download(f"{web.url}/a", tmp_path / "a.bin", pause=60, stop=stop)
    assert len(web.requests) == 1
