"""What a video file holds, without decoding more of it than is needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from ..core.errors import InputError
from ..storage.names import check_link, check_name
from .binary import file_url
from .conversion import UNSAID, Conversion, conversion
from .streams import main_stream

FRAME_PER_PACKET = {"av1", "ffv1", "h264", "hevc", "mjpeg", "mpeg1video", "mpeg2video", "png", "prores", "rawvideo", "vp9"}
"""Codecs whose packets are shown frames, one for one. Others (VP8 with hidden frames, packed MPEG-4) are counted by decoding."""
INDEXED = {"mov", "mp4", "matroska", "webm"}
"""Containers in which seeking to a key frame is exact."""


RESTART = 0.1
"""Seconds by which times must fall back for the clock to have started again."""
TORN = 8
"""Packets before such a place that a transport stream may call corrupt, since its counters start again, too."""
DOLBY_VISION = {"dvh1", "dvhe", "dva1", "dvav"}
"""Codec tags of videos without a picture in ordinary HDR beneath (profile 5), if they name no colour matrix."""
ASPECTS = 8
"""A pixel that is said to be more than so many times as wide as high, or as high as wide, is a mistake."""
TRUSTED = 0.02
"""Share by which a container's rate may be off the mean of its frames' times."""


@dataclass(frozen=True)
class VideoInfo:
    """Facts of a file's main video stream.

    `width` and `height` are pixels as shown: turned by `rotation` (degrees, counter-clockwise: 0, 90, 180, -90), square. `coded` is
    (width, height) turned likewise, of the pixels that are stored. `fps` is the average rate as the container says it: of files whose
    frames come unevenly some say another one, see `FrameTimes.rate`. `frames_estimate` and `seconds` are what the container says or
    implies; `frame_times` counts exactly. `conversion` is what makes the frames pictures as shown.
    """

    width: int
    height: int
    fps: float
    frames_estimate: int
    seconds: float
    rotation: int
    codec: str
    coded: tuple[int, int]
    conversion: Conversion


@dataclass(frozen=True)
class FrameTimes:
    """Presentation times of all frames of a video.

    `seconds` (T,) float64, ascending, on the stream's own clock. `keys` are the times of frames where decoding can start. `seekable` tells
    whether a window may be found by time (exact seeks, no two frames at one time). `start` is the container's start time in seconds.
    `joined` tells that the clock starts again in the file, as where recordings are appended to each other: `seconds` then go on from
    part to part.
    """

    seconds: np.ndarray
    keys: np.ndarray
    seekable: bool
    start: float
    joined: bool = False

    def rate(self, said: float) -> float:
        """Frames a second: `said` by the container, or where the times are more than `TRUSTED` off that, their own mean."""
        span = float(self.seconds[-1] - self.seconds[0]) if len(self.seconds) else 0.0
        own = (len(self.seconds) - 1) / span if span > 0 else said
        return said if abs(own - said) <= TRUSTED * own else own

    def even(self, rate: float) -> bool:
        """Whether the frames come at `rate` a second, each less than half a frame off."""
        if len(self.seconds) < 2:
            return True
        clock = self.seconds[0] + np.arange(len(self.seconds)) / rate
        return bool(np.abs(self.seconds - clock).max() < 0.5 / rate)


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
    if main_stream(container) is None:
        what = (
            "a cover but no video; is it a sound file?" if container.streams.video else "no video stream; is it a sound file or a web page?"
        )
        container.close()
        raise InputError(f"{path}: holds {what}")
    return container


def probe(path: Path) -> VideoInfo:
    """Size, rate, rotation and length of a video, from its headers and its first frame. Raises InputError if it cannot be decoded."""
    with open_video(path) as container:
        stream = main_stream(container)
        try:
            first = next(container.decode(stream), None)
        except (av.FFmpegError, ValueError) as error:
            raise damaged(path, _reason(error)) from None
        if first is None:
            raise damaged(path, "not one frame can be decoded")
        rotation, needs = round(first.rotation), conversion(container, stream, first)
        if stream.codec_context.codec_tag in DOLBY_VISION and int(first.colorspace) == UNSAID:
            raise InputError(
                f"{path}: is in Dolby Vision's own colours, which nothing here can read; convert it where there is a GPU: ffmpeg -i IN "
                "-vf libplacebo=colorspace=bt709:color_primaries=bt709:color_trc=bt709:format=yuv420p OUT"
            )
        if not 1 / ASPECTS <= needs.aspect <= ASPECTS:
            raise InputError(
                f"{path}: its pixels are said to be {float(needs.aspect):.4g} times as wide as high, which cannot be; say the right "
                "shape of the picture, 16:9 for example: ffmpeg -i IN -c copy -aspect 16:9 OUT"
            )
        coded, shown = (first.width, first.height), (max(1, round(first.width * needs.aspect)), first.height)
        if rotation % 180:
            coded, shown = coded[::-1], shown[::-1]
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate else 0.0
        seconds = _seconds(container, stream)
        frames = stream.frames or round(seconds * fps)
        return VideoInfo(*shown, fps, frames, seconds, rotation, _codec(stream), coded, needs)


def frame_times(path: Path) -> FrameTimes:
    """Presentation times of all frames of a video: read from its packets where those tell, else by decoding it.

    Raises InputError if the file is truncated or damaged as far as its packets show.
    """
    with open_video(path) as container:
        stream = main_stream(container)
        start = (container.start_time or 0) / av.time_base
        try:
            packets = [packet for packet in map(_Packet.of, container.demux(stream)) if packet.size]
        except av.FFmpegError as error:
            raise damaged(path, _reason(error)) from None
        unit = float(stream.time_base)
        restarts = _restarts(packets, RESTART / unit)
        corrupt = [number for number, packet in enumerate(packets) if packet.corrupt]
        if stream.frames > len(packets) or any(all(not 0 < at - number <= TORN for at in restarts) for number in corrupt):
            raise damaged(path, f"{len(packets)} of {stream.frames or 'unknown'} frames are there, the last one perhaps in part")
        shown = [packet for packet in packets if not packet.discard]
        times = [packet.pts for packet in shown]
        if _codec(stream) not in FRAME_PER_PACKET or None in times or restarts or _begins_open(packets):
            return _decoded_times(path, start)
        seconds = np.sort(np.array(times, np.float64)) * unit
        keys = np.sort(np.array([packet.pts for packet in packets if packet.key and packet.pts is not None], np.float64)) * unit
        exact = bool(INDEXED & set(container.format.name.split(",")))
        return FrameTimes(seconds, keys, exact and bool((np.diff(seconds) > 0).all()), start)


class _Packet(NamedTuple):
    """What is kept of a packet."""

    pts: int | None
    dts: int | None
    size: int
    key: bool
    corrupt: bool
    discard: bool

    @classmethod
    def of(cls, packet: av.Packet) -> "_Packet":
        return cls(packet.pts, packet.dts, packet.size, packet.is_keyframe, packet.is_corrupt, packet.is_discard)


def _restarts(packets: list[_Packet], least: float) -> list[int]:
    """Numbers of the packets at which the decoding times fall back by `least` units or more."""
    found, last = [], None
    for number, packet in enumerate(packets):
        if packet.dts is None:
            continue
        if last is not None and packet.dts <= last - least:
            found.append(number)
        last = packet.dts
    return found


def _begins_open(packets: list[_Packet]) -> bool:
    """Whether pictures are to be shown before the first key frame: they lean on what is not in the file, and decoders may drop them."""
    first = next((packet.pts for packet in packets if packet.key), None)
    return first is not None and any(packet.pts < first for packet in packets if not packet.discard)


def _decoded_times(path: Path, start: float) -> FrameTimes:
    with open_video(path) as container:
        stream = main_stream(container)
        stream.thread_type = "AUTO"
        try:
            times = [frame.time for frame in container.decode(stream)]
        except (av.FFmpegError, ValueError) as error:
            raise damaged(path, _reason(error)) from None
        rate = float(stream.average_rate or 25)
    seconds = np.array([number / rate if time is None else time for number, time in enumerate(times)], np.float64)
    back = np.flatnonzero(np.diff(seconds) <= -RESTART) + 1
    for first in back:
        seconds[first:] += seconds[first - 1] + 1 / rate - seconds[first]
    return FrameTimes(np.maximum.accumulate(seconds), np.zeros(0), False, start, joined=len(back) > 0)


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
