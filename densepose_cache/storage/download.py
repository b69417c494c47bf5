"""Downloads that go on where they stopped.

The tries are counted here, not by urllib3's Retry: it does not see a transfer that breaks off, and its pauses cannot be ended by an event.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import requests
import urllib3

from ..core.errors import InputError
from .names import output_path

CHUNK = 1 << 16
TIMEOUT = (15, 60)
"""Seconds to wait for a connection and for the next bytes."""
AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""HTTP answers that may be better next time."""
LONGEST_PAUSE = 60.0
LONGEST_WISH = 300.0
"""Seconds that are waited at most where the server itself says how long (the header Retry-After)."""
BLIND_ATTEMPTS = 3
"""Tries for a server that cannot be reached at all."""


class Gone(InputError):
    """The server answers that the file is not to be had, or what it sends is something else."""


class Unfinished(InputError):
    """The download broke off again and again; what is there stays in the `.part` file for the next try."""


class _Broken(Exception):
    """One try failed; the next may not. `reached`: the server has answered. `wish`: seconds after which it wants to be asked again."""

    def __init__(self, reason: str, reached: bool = True, wish: float = 0.0):
        super().__init__(reason)
        self.reached, self.wish = reached, wish


def download(
    url: str,
    target: Path,
    check: Callable[[Path], None] = lambda path: None,
    attempts: int = 5,
    pause: float = 1.0,
    progress: Callable[[int], None] = lambda size: None,
    stop: threading.Event | None = None,
):
    """Bring `url` to the file `target`, which appears only when it has its full size and `check` has accepted it.

    Bytes gather in `{target}.part`; a broken transfer goes on there by HTTP Range, as long as the server still has the same version.
    `pause` seconds, doubled each time, or as many as the server asks for, lie between at most `attempts` tries. `progress` is told the
    bytes that are there. `check` raises InputError for a file that is no use; the file is then removed, and brought anew if the server has
    not said how long it is, since it may have been cut short. Raises Gone for an answer that will not change (404, a web page in place of
    the file), Unfinished if the last try failed or `stop` is set, InputError if the file cannot be written.
    """
    target = output_path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    stop = stop or threading.Event()
    for attempt in range(attempts):
        try:
            size = _transfer(url, part, progress, stop)
            _check(url, part, check, size, last=attempt == attempts - 1)
            break
        except _Broken as error:
            last = (attempts if error.reached else min(attempts, BLIND_ATTEMPTS)) - 1
            if attempt >= last or stop.wait(max(min(pause * 2**attempt, LONGEST_PAUSE), error.wish)):
                raise Unfinished(f"{url}: the download broke off ({error}); run it again, it goes on where it stopped") from None
    os.replace(part, target)


def _check(url: str, part: Path, check: Callable[[Path], None], size: int | None, last: bool):
    try:
        check(part)
    except InputError as error:
        part.unlink()
        if size is None and not last:
            raise _Broken(f"of unknown length and unusable: {error}") from None
        raise Gone(f"{url}: the server sends something else than the file ({error})") from None
    finally:
        _tag(part).unlink(missing_ok=True)


def _transfer(url: str, part: Path, progress: Callable[[int], None], stop: threading.Event) -> int | None:
    """Bring what is missing of `part`; the size that the server says the file has, None if it does not say."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        with contextlib.suppress(OSError):
            headers["If-Range"] = _tag(part).read_text()
    with _ask(url, headers) as answer:
        expected = _expected(url, answer, have, part)
        if expected != have or not have:
            _receive(answer, part, answer.status_code == 206, progress, stop)
    size = part.stat().st_size
    if expected is not None and size != expected:
        if size > expected:
            part.unlink()
        raise _Broken(f"{size} of {expected} bytes")
    return expected


def _ask(url: str, headers: dict) -> requests.Response:
    try:
        return requests.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    except (requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL, requests.exceptions.MissingSchema) as error:
        raise Gone(f"{url}: not a URL that can be downloaded ({error})") from None
    except requests.ConnectionError as error:
        raise _Broken("the server cannot be reached", reached=False) from error
    except requests.RequestException as error:
        raise _Broken(type(error).__name__) from error


def _expected(url: str, answer: requests.Response, have: int, part: Path) -> int | None:
    """Size in bytes that the whole file must have, None if the server does not say."""
    total = answer.headers.get("Content-Range", "").rpartition("/")[2]
    if answer.status_code == 416:
        if total == str(have):
            return have
        part.unlink(missing_ok=True)
        raise _Broken("the part of an earlier try does not fit")
    if answer.status_code in AGAIN:
        raise _Broken(f"HTTP {answer.status_code}", wish=_wish(answer.headers.get("Retry-After", "")))
    if answer.status_code not in (200, 206):
        raise Gone(f"{url}: HTTP {answer.status_code} {answer.reason}")
    tag = answer.headers.get("ETag", "")
    tag = answer.headers.get("Last-Modified", "") if tag.startswith("W/") or not tag else tag
    if tag:
        _tag(part).write_text(tag)
    if answer.status_code == 206:
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            part.unlink(missing_ok=True)
            raise _Broken("the server goes on at another place than it was asked to")
        return int(total) if total.isdigit() else None
    length = answer.headers.get("Content-Length", "")
    encoded = answer.headers.get("Content-Encoding", "identity") != "identity"
    return int(length) if length.isdigit() and not encoded else None


def _wish(text: str) -> float:
    """Seconds of a header Retry-After, which is a number or a date, LONGEST_WISH at most; 0 for anything else."""
    try:
        return min(urllib3.Retry().parse_retry_after(text), LONGEST_WISH)
    except (urllib3.exceptions.InvalidHeader, ValueError):
        return 0.0


def _receive(answer: requests.Response, part: Path, resume: bool, progress: Callable[[int], None], stop: threading.Event):
    size = part.stat().st_size if resume else 0
    try:
        with part.open("ab" if resume else "wb") as file:
            for chunk in answer.iter_content(CHUNK):
                if stop.is_set():
                    raise _Broken("stopped")
                file.write(chunk)
                size += len(chunk)
                progress(size)
    except (requests.RequestException, urllib3.exceptions.HTTPError, ConnectionError, TimeoutError) as error:
        raise _Broken(f"{type(error).__name__} after {size} bytes") from error
    except OSError as error:
        raise InputError(f"{part}: cannot be written ({error.strerror}); make room or choose another folder, then run it again") from None


def _tag(part: Path) -> Path:
    """File that notes which version of the file a `.part` belongs to."""
    return part.with_name(part.name + ".tag")
