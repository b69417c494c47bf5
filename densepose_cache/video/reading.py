"""Decode a window of a video to RGB arrays through ffmpeg."""

import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ffmpeg
import numpy as np

from ..core.errors import InputError
from .binary import error_text, ffmpeg_binary, file_url, shipped_binary
from .picture import WHITE, Colour
from .probe import FrameTimes, VideoInfo, damaged, frame_times, probe
from .size_changes import check_first_frame, refuse_changes, since_when

Filter = tuple[str, dict]
CHANGING = {".mkv", ".webm"}
"""Suffixes of files that can be sought in and whose frames may change their size."""
TORN = re.compile(r"error while decoding|corrupt decoded frame|concealing|decode error", re.I)
"""What ffmpeg says of damage where it goes on."""
NEWS = re.compile(r".*(Changing video frame properties|filter context - w:).*\n?")
"""What it says of frames of another size."""
LACKING = re.compile(r"No such filter|Unknown decoder")
"""What it says where it was built without something."""


def read_frames(
    path: Path,
    start: int | None = None,
    end: int | None = None,
    filters: Sequence[Filter] = (),
    size: tuple[int, int] | None = None,
    times: FrameTimes | None = None,
    info: VideoInfo | None = None,
    pad: Colour = WHITE,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[np.ndarray]:
    """Yield frames start..end-1 of a video as (H, W, 3) uint8 RGB, every one exactly once, as players show them.

    That is turned as the file's rotation says, of square pixels, deinterlaced, in SDR, transparency composed over the colour `pad`, all of
    the first frame's size (see `Conversion`). `filters` are ffmpeg filters (name, options) that work on RGB of that size; `size` (width,
    height) is what they give, None means the video's own. `times` and `info` spare looking at the file again. `note` is called with what
    turned up on the way, for people. Raises InputError if the file is missing, truncated or damaged, shorter than the window, or its
    frames change their shape, and RuntimeError if something kills ffmpeg or it lacks a filter.
    """
    path = Path(path)
    times = frame_times(path) if times is None else times
    total = len(times.seconds)
    start, end = start or 0, total if end is None else end
    if not 0 <= start < end <= total:
        raise InputError(f"{path}: the window {start}..{end} is outside of the video's {total} frames")
    info = probe(path) if info is None else info
    command = _command(path, start, end, filters, size or (info.width, info.height), times, info, pad)
    if "-ss" in command and path.suffix.lower() in CHANGING:
        check_first_frame(path, times.seconds[start], f"about frame {start}", info)
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=messages)
        try:
            count = 0
            for frame in _split(process.stdout, size or (info.width, info.height)):
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
        torn = times.joined and TORN.search(text)
        if failed or premature or torn or count != end - start:
            if LACKING.search(text):
                raise RuntimeError(
                    f"{path}: needs what this ffmpeg lacks ({error_text(text)}); pip install --force-reinstall imageio-ffmpeg"
                )
            if info.rotation or info.conversion.interlaced:
                refuse_changes(path, info)
            raise damaged(path, f"{count} of {end - start} frames decoded; ffmpeg: {error_text(NEWS.sub('', text))}")
        if since := since_when(path, text, times, end):
            note(f"frames of other sizes scaled to {info.coded[0]}x{info.coded[1]}, {since}")


def _command(
    path: Path,
    start: int,
    end: int,
    filters: Sequence[Filter],
    size: tuple[int, int],
    times: FrameTimes,
    info: VideoInfo,
    pad: Colour,
) -> list[str]:
    needs, whole = info.conversion, (start, end) == (0, len(times.seconds))
    options, window = _window(start, end, times)
    if needs.decoder:
        options["vcodec"] = needs.decoder
    if not needs.interlaced and not info.rotation:
        options["reinit_filter"] = 0  # of frames of another size `scale` takes note; what stands before it would not
    stream = ffmpeg.input(file_url(path), copyts=None, protocol_whitelist="file", **options)
    stream = _filtered(stream["v:0" if needs.stream is None else str(needs.stream)], needs.whole_frames())
    if not whole:
        stream = stream.filter("select", window)
    stream = needs.over(_filtered(stream, needs.to_rgb((info.width, info.height))), pad)
    stream = _filtered(stream, filters).filter("scale", *size)
    if times.joined:
        stream = stream.filter("setpts", "N")
    limit = {} if whole else {"frames:v": end - start}
    stream = stream.output("pipe:", format="rawvideo", pix_fmt="rgb24", fps_mode="passthrough", **limit)
    strict = () if times.joined else ("-xerror",)
    binary = shipped_binary() if needs.facts() or times.joined else ffmpeg_binary()
    return ffmpeg.compile(stream.global_args("-hide_banner", "-nostdin", "-loglevel", "warning", *strict), cmd=binary)


def _filtered(stream, filters: Sequence[Filter]):
    """The ffmpeg-python `stream` after `filters`."""
    for name, arguments in filters:
        stream = stream.filter(name, **arguments)
    return stream


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
