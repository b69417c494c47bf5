"""Decode a window of a video to RGB arrays through ffmpeg."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import ffmpeg
import numpy as np

from ..errors import InputError
from .binary import error_text, ffmpeg_binary, file_url
from .probe import FrameTimes, damaged, frame_times, probe

RGB = "accurate_rnd+full_chroma_int+bicubic"
"""How colours are converted and chroma is brought to full size."""
Filter = tuple[str, dict]


def read_frames(
    path: Path,
    start: int | None = None,
    end: int | None = None,
    filters: Sequence[Filter] = (),
    size: tuple[int, int] | None = None,
    times: FrameTimes | None = None,
) -> Iterator[np.ndarray]:
    """Yield frames start..end-1 of a video as (H, W, 3) uint8 RGB, every one exactly once, turned as the file's rotation says.

    `filters` are ffmpeg filters (name, options) that work on RGB; `size` (width, height) is what they give, None means the video's own.
    `times` spares reading the packets again. Raises InputError if the file is missing, truncated or damaged, or shorter than the
    window, and RuntimeError if something kills ffmpeg.
    """
    path = Path(path)
    times = frame_times(path) if times is None else times
    total = len(times.seconds)
    start, end = start or 0, total if end is None else end
    if not 0 <= start < end <= total:
        raise InputError(f"{path}: the window {start}..{end} is outside of the video's {total} frames")
    if size is None:
        info = probe(path)
        size = info.width, info.height
    command = _command(path, start, end, filters, size, times)
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages)
        try:
            count = 0
            for frame in _split(process.stdout, size):
                count += 1
                if count > end - start:
                    break
                yield frame
            failed = count <= end - start and process.wait() != 0
            if failed and process.returncode == -signal.SIGKILL:
                raise RuntimeError(f"{path}: ffmpeg was killed while it decoded, perhaps for want of memory; the video need not be damaged")
        finally:
            process.kill()
            process.stdout.close()
            process.wait()
        messages.seek(0)
        text = messages.read().decode(errors="replace")
        premature = (start, end) == (0, total) and "ended prematurely" in text
        if failed or premature or count != end - start:
            raise damaged(path, f"{count} of {end - start} frames decoded; ffmpeg: {error_text(text)}")


def _command(path: Path, start: int, end: int, filters: Sequence[Filter], size: tuple[int, int], times: FrameTimes) -> list[str]:
    options, window = _window(start, end, times)
    whole = (start, end) == (0, len(times.seconds))
    stream = ffmpeg.input(file_url(path), copyts=None, protocol_whitelist="file", **options)["v:0"]
    if not whole:
        stream = stream.filter("select", window)
    stream = stream.filter("scale", flags=RGB).filter("format", "rgb24")
    for name, arguments in filters:
        stream = stream.filter(name, **arguments)
    stream = stream.filter("scale", *size)
    limit = {} if whole else {"frames:v": end - start}
    stream = stream.output("pipe:", format="rawvideo", pix_fmt="rgb24", fps_mode="passthrough", **limit)
    return ffmpeg.compile(stream.global_args("-hide_banner", "-nostdin", "-loglevel", "warning", "-xerror"), cmd=ffmpeg_binary())


def _window(start: int, end: int, times: FrameTimes) -> tuple[dict, str]:
    """Input options and the `select` expression that cut frames start..end-1 out.

    By time where the file can be sought in: from the last key frame but one before the window, since the frames next to a key frame may
    lean on the ones before it. By number from the file's beginning elsewhere.
    """
    if not times.seekable:
        return {}, f"between(n,{start},{end - 1})"
    seconds = times.seconds
    first = (seconds[start - 1] + seconds[start]) / 2 if start else seconds[0] - 1
    last = (seconds[end - 1] + seconds[end]) / 2 if end < len(seconds) else seconds[-1] + 1
    keys = times.keys[times.keys <= seconds[start]]
    options = {"ss": f"{keys[-2] - times.start:.6f}", "noaccurate_seek": None} if len(keys) > 2 else {}
    return options, f"between(t,{first:.6f},{last:.6f})"


def _split(pipe, size: tuple[int, int]) -> Iterator[np.ndarray]:
    width, height = size
    while True:
        frame = np.empty((height, width, 3), np.uint8)
        view, filled = memoryview(frame).cast("B"), 0
        while filled < len(view):
            count = pipe.readinto(view[filled:])
            if not count:
                return
            filled += count
        yield frame
