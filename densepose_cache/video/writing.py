"""Encode RGB arrays as videos through ffmpeg: H.264 in MP4, VP9 in WebM, GIF."""

import contextlib
import errno
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import ffmpeg
import numpy as np

from ..core.errors import InputError
from ..storage.atomic import NO_ROOM, written_whole
from .binary import error_text, ffmpeg_binary, file_url
from .sound import Sound

THREADS = 2
"""x264's output depends on the number of its threads; a fixed one makes files the same everywhere."""


BT709 = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv"}
ENCODERS = {
    ".mp4": {"format": "mp4", "vcodec": "libx264", "acodec": "aac", "movflags": "+faststart", **BT709},
    ".webm": {
        "format": "webm",
        "vcodec": "libvpx-vp9",
        "acodec": "libopus",
        "video_bitrate": 0,
        "cpu-used": 4,
        **BT709,
    },
    ".gif": {"format": "gif"},
}
"""Options of ffmpeg by the ending of a video's name."""
SILENT = {".gif"}
"""Endings of videos that can have no sound."""


class VideoWriter:
    """Write a video that appears under its name only when it is complete. The ending of `path` says of which kind.

    `.mp4` is H.264, yuv420p, BT.709, with the index at the front; `.webm` is VP9 likewise; `.gif` gives every frame colours of its own.
    `size` is (width, height), both even; `fps` frames per second; `crf` 0..51, constant quality, lower is better; `sound`, if any, goes
    with it as AAC, or as Opus in a WebM. Use as a context manager and call `write` with (height, width, 3) uint8 RGB frames. An exception
    inside leaves no file. Raises InputError for a size that H.264 in yuv420p cannot have, for a frame of another size or type, if no frame
    was written, and if ffmpeg fails.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int], crf: int = 18, sound: Sound | None = None):
        self.path, self.fps, self.size, self.crf, self.sound = Path(path), float(fps), tuple(size), crf, sound
        if self.path.suffix.lower() not in ENCODERS:
            raise InputError(f"{self.path}: does not end in {', '.join(ENCODERS)}, and no other kind of video is written")
        if any(side < 2 or side % 2 for side in self.size):
            raise InputError(f"{self.path}: a video of {self.size[0]}x{self.size[1]} pixels is impossible; both sides must be even")
        if not self.fps > 0:
            raise InputError(f"{self.path}: the frame rate must be above 0, not {fps}")
        if not 0 <= crf <= 51:
            raise InputError(f"{self.path}: the quality crf must be in 0..51, not {crf}")
        self.count = 0

    def __enter__(self) -> "VideoWriter":
        with contextlib.ExitStack() as stack:
            command = self._command(stack.enter_context(written_whole(self.path)))
            self._messages = stack.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._messages)
            stack.callback(self._stop)
            self._close = stack.pop_all()
        return self

    def write(self, frame: np.ndarray):
        """Append one frame, (height, width, 3) uint8 RGB."""
        width, height = self.size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise InputError(f"{self.path}: a frame is {frame.dtype} {frame.shape}, but uint8 {(height, width, 3)} is needed")
        try:
            self._process.stdin.write(np.ascontiguousarray(frame).data)
        except OSError:
            self._process.wait()
            raise self._failure() from None
        self.count += 1

    def __exit__(self, kind, *error):
        if kind is not None:
            return self._close.__exit__(kind, *error)
        with self._close:
            self._finish()
        return None

    def _stop(self):
        self._process.kill()
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def _finish(self):
        if not self.count:
            raise InputError(f"{self.path}: no frame to write")
        try:
            self._process.stdin.close()
        except OSError:
            self._process.wait()
            raise self._failure() from None
        if self._process.wait():
            raise self._failure()

    def _failure(self) -> InputError | OSError:
        """What to raise where ffmpeg has ended: the OSError of a full disk, whatever else it says."""
        self._messages.seek(0)
        said, code = self._messages.read().decode(errors="replace"), self._process.returncode
        full = [number for number in NO_ROOM if os.strerror(number) in said]
        if full or code == -signal.SIGXFSZ:
            return OSError((full or [errno.EFBIG])[0], "ffmpeg found no room")
        killed = f"ended by {signal.Signals(-code).name}, perhaps for want of memory" if code < 0 else error_text(said)
        return InputError(f"{self.path}: ffmpeg could not write the video: {killed}")

    def _command(self, temporary: Path) -> list[str]:
        stream = ffmpeg.input("pipe:", format="rawvideo", pixel_format="rgb24", video_size=self.size, framerate=f"{self.fps:.10g}")
        options = ENCODERS[self.path.suffix.lower()] | {"threads": THREADS}
        if self.path.suffix.lower() == ".gif":
            frames = stream.filter_multi_output("split")
            colours = frames[0].filter("palettegen", stats_mode="single")
            streams = [ffmpeg.filter([frames[1], colours], "paletteuse", new=1)]
        else:
            stream = stream.filter("scale", flags="accurate_rnd+full_chroma_int+bicubic", out_color_matrix="bt709", out_range="tv")
            streams = [stream.filter("format", "yuv420p")]
            options["crf"] = self.crf
        if self.sound:
            since = {"ss": f"{self.sound.start:.6f}"} if self.sound.start else {}
            heard = ffmpeg.input(file_url(self.sound.path), protocol_whitelist="file", t=f"{self.sound.seconds:.6f}", **since)
            streams.append(heard["a:0"])
            options |= {"flags:a": "+bitexact", "max_muxing_queue_size": 4096}
        else:
            options.pop("acodec", None)
        stream = ffmpeg.output(
            *streams,
            file_url(temporary),
            fflags="+bitexact",
            map_metadata=-1,
            **{"flags:v": "+bitexact"},
            **options,
        )
        stream = stream.global_args("-hide_banner", "-loglevel", "error").overwrite_output()
        return ffmpeg.compile(stream, cmd=ffmpeg_binary())


def write_video(path: Path, frames: Iterable[np.ndarray], fps: float, crf: int = 18):
    """Write all `frames` ((H, W, 3) uint8 RGB, one size) as a video. Raises InputError as VideoWriter does; no partial file is left."""
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        raise InputError(f"{path}: no frame to write")
    with VideoWriter(path, fps, first.shape[1::-1], crf) as writer:
        writer.write(first)
        for frame in frames:
            writer.write(frame)
