"""What a video file holds, without decoding more of it than is needed."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from ..errors import InputError
from ..storage.names import check_link, check_name
from .binary import file_url

FRAME_PER_PACKET = {"av1", "ffv1", "h264", "hevc", "mjpeg", "mpeg1video", "mpeg2video", "png", "prores", "rawvideo", "vp9"}
"""Codecs whose packets are shown frames, one for one. Others (VP8 with hidden frames, packed MPEG-4) are counted by decoding."""
INDEXED = {"mov", "mp4", "matroska", "webm"}
"""Containers in which seeking to a key frame is exact."""


TRUSTED = 0.02
"""Share by which a container's rate may be off the mean of its frames' times."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts of a video's first video stream.

    `width` and `height` are pixels as shown, after `rotation` (degrees, counter-clockwise: 0, 90, 180, -90). `fps` is the average rate
    as the container says it: of files whose frames come unevenly some say another one, see `FrameTimes.rate`.
    `frames_estimate` and `seconds` are what the container says or implies; `frame_times` counts exactly.
    """

    width: int
    height: int
    fps: float
    frames_estimate: int
    seconds: float
    rotation: int
    codec: str


@dataclass(frozen=True)
class FrameTimes:
    """Presentation times of all frames of a video.

    `seconds` (T,) float64, ascending, on the stream's own clock. `keys` are the times of frames where decoding can start. `seekable` tells
    whether a window may be found by time (exact seeks, no two frames at one time). `start` is the container's start time in seconds.
    """

    seconds: np.ndarray
    keys: np.ndarray
    seekable: bool
    start: float

    def rate(self, said: float) -> float:
        """Frames a second: `said` by the container, or where the times are more than `TRUSTED` off that, their own mean."""
        span = float(self.seconds[-1] - self.seconds[0]) if len(self.seconds) else 0.0
        own = (len(self.seconds) - 1) / span if span > 0 else said
        return said if abs(own - said) <= TRUSTED * own else own


def open_video(path: Path) -> av.container.InputContainer:
    """Open a local video file with PyAV. Raises InputError for what is missing, empty or no video."""
    path = Path(path)
    check_name(path)
    check_link(path)
    if not path.is_file():
        raise InputError(f"{path}: no such video file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; fetch or copy the video again")
    try:
        container = av.open(file_url(path), options={"protocol_whitelist": "file"})
    except (av.FFmpegError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a video ({_reason(error)}); the file is truncated or something else") from None
    if not container.streams.video:
        container.close()
        raise InputError(f"{path}: holds no video stream; is it a sound file or a web page?")
    return container


def probe(path: Path) -> VideoInfo:
    """Size, rate, rotation and length of a video, from its headers and its first frame. Raises InputError if it cannot be decoded."""
    with open_video(path) as container:
        stream = container.streams.video[0]
        try:
            first = next(container.decode(stream), None)
        except (av.FFmpegError, ValueError) as error:
            raise damaged(path, _reason(error)) from None
        if first is None:
            raise damaged(path, "not one frame can be decoded")
        rotation = round(first.rotation)
        width, height = (first.height, first.width) if rotation % 180 else (first.width, first.height)
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate else 0.0
        seconds = _seconds(container, stream)
        return VideoInfo(width, height, fps, stream.frames or round(seconds * fps), seconds, rotation, _codec(stream))


def frame_times(path: Path) -> FrameTimes:
    """Presentation times of all frames of a video: read from its packets where those tell, else by decoding it.

    Raises InputError if the file is truncated or damaged as far as its packets show.
    """
    with open_video(path) as container:
        stream = container.streams.video[0]
        start = (container.start_time or 0) / av.time_base
        try:
            packets = [(p.pts, p.is_keyframe, p.is_corrupt, p.is_discard) for p in container.demux(stream) if p.size]
        except av.FFmpegError as error:
            raise damaged(path, _reason(error)) from None
        if stream.frames > len(packets) or any(corrupt for *_, corrupt, _ in packets):
            raise damaged(path, f"{len(packets)} of {stream.frames or 'unknown'} frames are there, the last one perhaps in part")
        shown = [(pts, key) for pts, key, _, discard in packets if not discard]
        if _codec(stream) not in FRAME_PER_PACKET or any(pts is None for pts, _ in shown):
            return _decoded_times(path, start)
        unit = float(stream.time_base)
        seconds = np.sort(np.array([pts for pts, _ in shown], np.float64)) * unit
        keys = np.sort(np.array([pts for pts, key, _, _ in packets if key and pts is not None], np.float64)) * unit
        exact = bool(INDEXED & set(container.format.name.split(",")))
        return FrameTimes(seconds, keys, exact and bool((np.diff(seconds) > 0).all()), start)


def _decoded_times(path: Path, start: float) -> FrameTimes:
    with open_video(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            times = [frame.time for frame in container.decode(stream)]
        except (av.FFmpegError, ValueError) as error:
            raise damaged(path, _reason(error)) from None
        rate = float(stream.average_rate or 25)
    seconds = np.array([number / rate if time is None else time for number, time in enumerate(times)], np.float64)
    return FrameTimes(np.maximum.accumulate(seconds), np.zeros(0), False, start)


def damaged(path: Path, reason: str) -> InputError:
    """The error for a video that ends too early or cannot be decoded."""
    return InputError(f"{path}: the video is truncated or damaged ({reason}); fetch or copy it again")


def _codec(stream) -> str:
    return stream.codec_context.codec.canonical_name


def _seconds(container, stream) -> float:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
