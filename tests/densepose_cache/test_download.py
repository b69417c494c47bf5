import threading

import pytest

from densepose_cache.download import Gone, Unfinished, download
from densepose_cache.errors import InputError

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
