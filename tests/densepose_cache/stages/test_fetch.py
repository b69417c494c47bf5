import threading

import pandas as pd
import pytest
from coded_video import cut, ffmpeg
from known_video import write_known

from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.config import UrlsSource
from densepose_cache.core.errors import InputError
from densepose_cache.stages.fetch import fetch_videos
from densepose_cache.storage import download as download_module

PAGE = b"<!DOCTYPE html><html><body>Sorry</body></html>" * 50


@pytest.fixture
def shop(web, coded, tmp_path):
    """A server with two lists and three videos; a source that names the lists, and where to fetch to."""
    web.files = {f"/I/{name}.mp4": coded.read_bytes() for name in ("91+bCkk-S", "81ab", "71cd")}
    write_lists(web, ["91+bCkk-S", "81ab"], ["71cd"])
    web.source = UrlsSource(kind="urls", train=f"{web.url}/train.txt", test=f"{web.url}/test.txt", parallel=2)
    web.out = tmp_path / "data/fetched.csv"
    return web


def write_lists(web, train, test):
    for name, ids in (("train", train), ("test", test)):
        web.files[f"/{name}.txt"] = "".join(f"{web.url}/I/{one}.mp4\n" for one in ids).encode()


def fetch(shop, **options):
    return fetch_videos(shop.source, shop.out, pause=0.01, **options)


def test_all_videos(shop, coded):
    rows = fetch(shop)
    table = pd.read_csv(shop.out)
    assert table.to_dict("records") == rows
    assert table["clip"].tolist() == ["91+bCkk-S", "81ab", "71cd"] and table["split"].tolist() == ["train", "train", "test"]
    assert set(table["status"]) == {"ok"}
    assert (shop.out.parent / "91+bCkk-S.mp4").read_bytes() == coded.read_bytes()
    names = sorted(path.name for path in shop.out.parent.iterdir())
    assert names == ["71cd.mp4", "81ab.mp4", "91+bCkk-S.mp4", "fetched.csv", "test.txt", "train.txt"]


def test_a_second_run_downloads_no_video_again(shop):
    fetch(shop)
    shop.requests.clear()
    fetch(shop)
    assert sorted(path for path, _ in shop.requests) == ["/test.txt", "/train.txt"]


def test_several_at_a_time(shop):
    """Every video is served only once another one is asked for, too."""
    names = [f"v{number}" for number in range(8)]
    shop.files |= dict.fromkeys((f"/I/{name}.mp4" for name in names), shop.files["/I/81ab.mp4"])
    write_lists(shop, names[:6], names[6:])
    barrier = threading.Barrier(2)
    shop.faults = {f"/I/{name}.mp4": [("meet", barrier)] for name in names}
    assert {row["status"] for row in fetch(shop)} == {"ok"} and not barrier.broken


def test_a_whole_list_on_a_bad_day(shop, coded, tmp_path, monkeypatch):
    """Forty videos: every fault that passes is passed, every one that does not is reported, and the next run asks for those again."""
    monkeypatch.setattr(download_module, "TIMEOUT", (60, 1.0))
    passing = [None, 503, (429, {"Retry-After": "0"}), ("cut", 900), ("stall", 900), "silent", ("unsized", 900), [500, ("cut", 50), 429]]
    lasting = {"gone404": 404, "gone410": 410, "forbidden": 403, "page": "cannot be read as a video", "torn": "truncated"}
    names = [f"v{number}" for number in range(40)]
    shop.files |= dict.fromkeys((f"/I/{name}.mp4" for name in names), coded.read_bytes())
    for number, name in enumerate(names):
        fault = passing[number % len(passing)]
        shop.faults[f"/I/{name}.mp4"] = fault if isinstance(fault, list) else [fault]
    shop.faults |= {f"/I/{name}.mp4": [fault] * 2 for name, fault in lasting.items() if isinstance(fault, int)}
    shop.files["/I/page.mp4"], shop.types["/I/page.mp4"] = PAGE, "text/html"
    shop.files["/I/torn.mp4"] = cut(coded, tmp_path / "torn", 0.5).read_bytes()
    write_lists(shop, [*names[:30], *lasting], names[30:])
    shop.source = shop.source.model_copy(update={"parallel": 8})
    status = {row["clip"]: row["status"] for row in fetch(shop)}
    assert [name for name in names if status[name] != "ok"] == []
    assert all(status[name].startswith("gone: ") and str(reason) in status[name] for name, reason in lasting.items())
    assert all((shop.out.parent / f"{name}.mp4").read_bytes() == coded.read_bytes() for name in names)
    assert len(list(shop.out.parent.iterdir())) == len(names) + 3, "videos, lists and the table; no parts"
    shop.files |= dict.fromkeys((f"/I/{name}.mp4" for name in lasting), coded.read_bytes())
    shop.faults, shop.requests[:] = {}, []
    assert {row["status"] for row in fetch(shop)} == {"ok"}
    assert len(shop.requests) == len(lasting) + 2, "videos that are there are not asked for"


def test_what_is_gone_is_reported(shop, coded, tmp_path):
    write_lists(shop, ["91+bCkk-S", "page", "81ab", "gone"], ["71cd", "short"])
    shop.files["/I/page.mp4"], shop.types["/I/page.mp4"] = PAGE, "text/html"
    shop.files["/I/short.mp4"] = cut(coded, tmp_path / "short", 0.5).read_bytes()
    shop.faults["/I/81ab.mp4"] = [503, ("cut", 700)]
    status = {row["clip"]: row["status"] for row in fetch(shop)}
    assert [clip for clip, text in status.items() if text == "ok"] == ["91+bCkk-S", "81ab", "71cd"]
    assert "HTTP 404" in status["gone"]
    assert "cannot be read as a video" in status["page"]
    assert "truncated" in status["short"]
    assert not [path for path in shop.out.parent.iterdir() if path.stem in status and status[path.stem] != "ok"]


def test_videos_are_looked_at_as_they_are_decoded(shop, tmp_path):
    """A cover is no video, and does not hide one."""
    video = write_known(tmp_path / "video.mp4", "-c:v", "libx264")
    ffmpeg("-i", video, "-frames:v", "1", tmp_path / "cover.png")
    ffmpeg("-f", "lavfi", "-i", "sine=duration=1", tmp_path / "tone.m4a")
    both = ("-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic")
    ffmpeg("-i", tmp_path / "cover.png", "-i", video, *both, tmp_path / "covered.mp4")
    ffmpeg("-i", tmp_path / "cover.png", "-i", tmp_path / "tone.m4a", *both, tmp_path / "song.mp4")
    names = ["covered", "song"]
    shop.files |= {f"/I/{name}.mp4": (tmp_path / f"{name}.mp4").read_bytes() for name in names}
    write_lists(shop, names, ["71cd"])
    status = {row["clip"]: row["status"] for row in fetch(shop)}
    assert status["covered"] == "ok" and "holds a cover but no video" in status["song"]


def test_what_broke_off_stops_with_the_way_on(shop):
    shop.faults["/I/81ab.mp4"] = [503] * 2
    with pytest.raises(InputError, match=r"1 of 3 videos broke off.*81ab\.mp4.*Run it again"):
        fetch(shop, attempts=2)
    assert not shop.out.exists()
    assert len(fetch(shop, attempts=2)) == 3


def test_nothing_to_be_had(shop):
    write_lists(shop, ["x", "y"], ["z"])
    with pytest.raises(InputError, match=r"not one of 3 videos could be had.*HTTP 404.*kind `videos`"):
        fetch(shop)
    assert not shop.out.exists()


def test_lists_that_cannot_be_had(shop, tmp_path):
    del shop.files["/test.txt"]
    with pytest.raises(InputError, match=r"the list of test videos cannot be had: .*HTTP 404.*source\.test.*kind `videos`"):
        fetch(shop)
    source = shop.source.model_copy(update={"test": str(tmp_path / "none.txt")})
    with pytest.raises(InputError, match=r"none\.txt: no such list of videos\. .*source\.test"):
        fetch_videos(source, shop.out)
    assert not shop.out.exists()


def test_lists_in_files_with_comments_and_repeats(shop, tmp_path):
    (tmp_path / "train.txt").write_text(f"# mine\n\n{shop.url}/I/81ab.mp4\n{shop.url}/I/81ab.mp4\n")
    (tmp_path / "test.txt").write_text(f"{shop.url}/I/71cd.mp4?size=big\n")
    source = UrlsSource(kind="urls", train=str(tmp_path / "train.txt"), test=str(tmp_path / "test.txt"))
    shop.files["/I/71cd.mp4?size=big"] = shop.files["/I/71cd.mp4"]
    assert [row["video"] for row in fetch_videos(source, shop.out)] == ["81ab.mp4", "71cd.mp4"]


@pytest.mark.parametrize(
    ("train", "reason"),
    [
        ("<!DOCTYPE html>\n", r"train\.txt: line 1: '<!DOCTYPE html>' is no URL of a video"),
        ("file:///etc/passwd\n", r"train\.txt: line 1: .* is no URL"),
        ("http://a/I/71cd.mp4\n", r"has the same clip name, 71cd, as http://a/I/71cd\.mp4 \(train\)"),
        ("# nothing\n", r"train\.txt: the list names no video"),
    ],
)
def test_wrong_lists(shop, tmp_path, train, reason):
    (tmp_path / "train.txt").write_text(train)
    source = shop.source.model_copy(update={"train": str(tmp_path / "train.txt")})
    with pytest.raises(InputError, match=reason):
        fetch_videos(source, shop.out)
    assert not shop.out.exists()


def test_the_subcommand_says_what_is_missing(shop, capsys):
    write_lists(shop, ["81ab", "gone"], ["71cd"])
    source = shop.source.model_dump_json()
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["fetch", "--source", source, "--out", str(shop.out)]) == 0
    said = capsys.readouterr().err
    assert "fetched.csv: 2 of 3 videos are there" in said and "1 are missing" in said and "gone.mp4: HTTP 404" in said
