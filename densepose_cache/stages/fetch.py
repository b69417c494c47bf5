"""Download a data set's videos from lists of URLs; the verb `fetch` brings weight files, too."""

import csv
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from ..config import UrlsSource
from ..core.errors import InputError
from ..core.progress import Bar
from ..storage.atomic import only_writer, written_whole
from ..storage.digest import file_state

COLUMNS = ("url", "split", "clip", "video", "status", "size", "changed")
OK = "ok"


@dataclass(frozen=True)
class ListedVideo:
    """One video to fetch: `clip` is its name in the clip table, `video` its file name."""

    url: str
    split: str
    clip: str
    video: str


def fetch_videos(source: UrlsSource, out: Path, attempts: int = 5, pause: float = 1.0) -> list[dict]:
    """Download all videos of `source` beside the table `out`, and write that table.

    Its columns are url, split, clip, video, status, size (bytes) and changed (nanoseconds); by the last two another video in the place of
    this one is known.
    Videos that are there already are kept; broken downloads go on where they stopped. A video that is gone, or that is no video, gets the
    reason as its status in place of `ok`. Raises InputError, and writes no table, if a list cannot be had or is wrong, if downloads
    broke off, or if not one video could be had.
    """
    out = Path(out)
    with only_writer(out):
        rows = _fetch_all(source, out.parent, attempts, pause)
        _write(out, rows)
    return rows


def _fetch_all(source: UrlsSource, folder: Path, attempts: int, pause: float) -> list[dict]:
    """Download all videos of `source` into `folder`; rows of the table."""
    videos = read_lists(source, folder, attempts, pause)
    done: dict[ListedVideo, str] = {}
    stop = threading.Event()
    with Bar("Fetch", len(videos), unit="videos") as bar, ThreadPoolExecutor(source.parallel) as pool:
        futures = {pool.submit(_fetch, listed, folder, attempts, pause, stop): listed for listed in videos}
        try:
            for future in as_completed(futures):
                done[futures[future]] = future.result()
                bar.advance(text=f"{sum(status != OK for status in done.values())} missing")
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    broken = [listed for listed in videos if done[listed].startswith("broken")]
    if broken:
        raise InputError(
            f"{len(broken)} of {len(videos)} videos broke off, the first with {done[broken[0]]!r}: {broken[0].url}. Run it again, it goes "
            "on where it stopped, or take these lines out of the lists"
        )
    if OK not in done.values():
        raise InputError(f"not one of {len(videos)} videos could be had, the first: {done[videos[0]]}. " + ways(source.train, "train"))
    return [_row(listed, done[listed], folder / listed.video) for listed in videos]


def _row(listed: ListedVideo, status: str, video: Path) -> dict:
    size, changed = file_state(video) if status == OK else ("", "")
    return {**asdict(listed), "status": status, "size": size, "changed": changed}


def read_lists(source: UrlsSource, folder: Path, attempts: int = 5, pause: float = 1.0) -> list[ListedVideo]:
    """The videos that the lists of `source` name, each once.

    Lists that are URLs are kept in `folder` as `{split}.txt`. Raises InputError if a list cannot be had, is empty, or holds something else.
    """
    videos: dict[str, ListedVideo] = {}
    for split in ("train", "test"):
        place = getattr(source, split)
        path = _list_file(place, split, folder, attempts, pause)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            url = line.strip()
            if not url or url.startswith("#"):
                continue
            listed = _listed(url, split, f"{place}: line {number}")
            other = videos.setdefault(listed.clip, listed)
            if (other.url, other.split) != (listed.url, listed.split):
                raise InputError(f"{place}: line {number}: {url} has the same clip name, {listed.clip}, as {other.url} ({other.split})")
        if not any(listed.split == split for listed in videos.values()):
            raise InputError(f"{place}: the list names no video")
    return list(videos.values())


def ways(place: str, split: str) -> str:
    """How a user gets the videos where the network does not."""
    return (
        f"Ways to get them: run this again where the network reaches the server; or download the list {place} yourself and set "
        f"source.{split} of the data set to that file; or put videos that you have into a folder and use a source of kind `videos`"
    )


def _list_file(place: str, split: str, folder: Path, attempts: int, pause: float) -> Path:
    from ..storage.download import download

    if "://" not in place:
        if not Path(place).is_file():
            raise InputError(f"{place}: no such list of videos. {ways(place, split)}")
        return Path(place)
    target = folder / f"{split}.txt"
    try:
        download(place, target, attempts=attempts, pause=pause)
    except InputError as error:
        raise InputError(f"the list of {split} videos cannot be had: {error}. {ways(place, split)}") from None
    return target


def _listed(url: str, split: str, where: str) -> ListedVideo:
    from ..clips.table import clip_name

    parts = urlsplit(url)
    name = PurePosixPath(unquote(parts.path))
    if parts.scheme not in ("http", "https") or not parts.netloc or not name.stem:
        raise InputError(f"{where}: {url[:200]!r} is no URL of a video; the list must hold one http or https URL a line")
    clip = clip_name(name.stem)
    return ListedVideo(url, split, clip, f"{clip}{name.suffix or '.mp4'}")


def _fetch(listed: ListedVideo, folder: Path, attempts: int, pause: float, stop: threading.Event) -> str:
    from ..storage.download import Gone, Unfinished, download
    from ..video import frame_times

    target = folder / listed.video
    if target.is_file():
        return OK
    try:
        download(listed.url, target, frame_times, attempts, pause, stop=stop)
    except Gone as error:
        return f"gone: {error}"
    except Unfinished as error:
        return f"broken: {error}"
    return OK


def _write(out: Path, rows: list[dict]):
    with written_whole(out) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def command(
    out: Annotated[Path, typer.Option(help="Table of videos to write, or with --weights the folder of weight files.")],
    source: Annotated[str | None, typer.Option(help="Source of kind urls: JSON text, or the path of a JSON or YAML file.")] = None,
    weights: Annotated[list[str] | None, typer.Option(help="Name of a weight file; may be given several times.")] = None,
):
    """Download the videos of a list of URLs, or weight files. What broke off goes on where it stopped.

    Example: densepose-cache fetch --weights vgg19 --out weights
    """
    from ..config import read_source
    from ..storage.weights import fetch_weights

    if bool(source) == bool(weights):
        raise InputError("fetch needs either --source or --weights")
    for name in weights or []:
        typer.echo(fetch_weights(name, out), err=True)
    if source:
        settings = read_source(source)
        if not isinstance(settings, UrlsSource):
            raise InputError(f"fetch needs a source of kind `urls`, not `{settings.kind}`")
        rows = fetch_videos(settings, out)
        missing = [row["status"] for row in rows if row["status"] != OK]
        typer.echo(f"{out}: {len(rows) - len(missing)} of {len(rows)} videos are there", err=True)
        if missing:
            typer.echo(f"{len(missing)} are missing, see the column `status`; the first is {missing[0]}", err=True)
