"""The changing parts of the page as HTML."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from PIL import Image

from densepose_cache.core.progress import duration

from .examples import Example
from .preview import Seen
from .work import Task

HINT = "Drop a photo and a driving video, or click an example below. Then press Animate."
READY = "Ready. “Preview” shows in seconds what was found; “Animate” makes the video."


def title() -> str:
    return (
        "<h1>Animate a photo</h1><p>The person on your photo moves as the one in your video does. One person each, whole body. "
        "Files stay on this server and are deleted afterwards.</p>"
    )


def note(text: str) -> str:
    """Something said by the way."""
    return f'<div class="status">{escape(text)}</div>'


def problem(text: str) -> str:
    """What went wrong; a sentence that begins with no file's name gets a capital."""
    said = text if ": " in text else text[:1].upper() + text[1:]
    return f'<div class="status problem" role="alert">{escape(said)}</div>'


def progress(task: Task, before: int, doing: str) -> str:
    """How far `task` is, with `before` others before it; `doing` says what it does before there are frames to count."""
    if task.state == "waiting":
        line = f"{before} other{'s are' if before != 1 else ' is'} before you. Yours begins by itself." if before else "Beginning …"
        return _bar(0.0, line)
    if not task.done:
        return _bar(0.0, doing)
    parts = [f"{task.done} of {task.total} frames"]
    if task.rate:
        parts += [f"{task.rate:.1f} frames/s", f"{duration(task.seconds_left)} left"]
    return _bar(task.done / task.total, " · ".join(parts))


def _bar(share: float, line: str) -> str:
    return (
        f'<div class="status"><div class="bar{"" if share else " unknown"}"><div style="width: {100 * share:.1f}%"></div></div>'
        f'<span class="line">{escape(line)}</span></div>'
    )


def previewed(seen: Sequence[Seen]) -> str:
    """The preview's pictures in a row."""
    figures = "".join(
        f'<figure><img src="{_data(one)}" alt="{escape(one.caption)}"><figcaption>{escape(one.caption)}'
        + (f' <b class="warning">{escape(one.warning)}</b>' if one.warning else "")
        + "</figcaption></figure>"
        for one in seen
    )
    return (
        f'<div class="previewed">{figures}</div><p class="explained">The colours show which part of the body was found where. '
        "Arms, legs and head should have theirs on the photo as well as on the video; if not, choose others.</p>"
    )


def _data(one: Seen) -> str:
    file = io.BytesIO()
    Image.fromarray(one.picture).save(file, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"


def empty_result() -> str:
    return '<div class="result"><div class="label">Result</div><div class="screen empty">Your video appears here</div></div>'


def result(clean: Path, compared: Path, start: float, sound: bool) -> str:
    """The finished video, with `sound` or without, which plays together with the driving video from its second `start` on, and links to
    the files."""
    switch = '<button class="sound" type="button" aria-label="Sound on or off">Sound</button>' if sound else ""
    return (
        f'<div class="result" data-start="{start:g}"><div class="label">Result</div>'
        f'<div class="screen"><video src="{_address(clean)}" playsinline preload="auto"></video></div>'
        '<div class="player"><button class="play" type="button" aria-label="Play or pause"></button>'
        '<input class="seek" type="range" min="0" max="1000" value="0" aria-label="Position">'
        '<span class="clock">0:00 / 0:00</span>'
        f"{switch}</div>"
        f'<div class="downloads"><a download="{clean.name}" href="{_address(clean)}">Download video</a>'
        f'<a download="{compared.name}" href="{_address(compared)}">Download side by side</a></div></div>'
    )


def cards(shown: Sequence[Example]) -> str:
    """The examples as buttons, each a photo and a driving video."""
    inner = "".join(
        f'<button class="card" type="button" data-number="{number}" aria-label="Take this photo and this video">'
        f'<img src="{_address(example.photo)}" alt="photo"><span>+</span>'
        f'<video src="{_address(example.video)}" muted loop autoplay playsinline></video></button>'
        for number, example in enumerate(shown)
    )
    return f'<h3>Examples</h3><div class="cards">{inner}</div>'


CHOOSE = """element.addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (card) trigger("click", {number: Number(card.dataset.number)});
});"""
"""JavaScript of the examples: a click says which."""


def _address(path: Path) -> str:
    return f"gradio_api/file={escape(str(path), quote=True)}"
