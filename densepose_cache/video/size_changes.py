"""Videos whose frames change their size on the way: recordings of calls, streams that were joined."""

import re
from pathlib import Path

import av
import numpy as np

from ..core.errors import InputError
from .probe import FrameTimes, VideoInfo, open_video
from .streams import main_stream

CHANGED = re.compile(r"filter context - w: (\d+) h: (\d+) .*incoming frame - w: (\d+) h: (\d+) .*pts_time: ([-\d.]+)")
"""What ffmpeg says of a frame that has another size than the first one."""
SAME_SHAPE = 0.03
"""Share by which width over height of frames of other sizes may differ from the first one's."""


def since_when(path: Path, said: str, times: FrameTimes, end: int) -> str:
    """Since when frames before number `end` have another size, by what ffmpeg `said`; "" if none has.

    Raises InputError if they have another shape, too.
    """
    found = ""
    for match in CHANGED.finditer(said):
        *before, width, height = map(int, match.groups()[:4])
        number = int(np.searchsorted(times.seconds, float(match[5]) - 1e-4))
        if before == [width, height] or (number >= end and not times.joined):
            continue
        since = "in a later part" if times.joined else f"from frame {number} on"
        _check_shape(path, since, (before[0], before[1]), (width, height))
        found = found or since
    return found


def check_first_frame(path: Path, seconds: float, since: str, info: VideoInfo):
    """Raise InputError if the key frame at `seconds`, where decoding is to begin, has another shape than the first frame of the video."""
    try:
        with open_video(path) as container:
            stream = main_stream(container)
            container.seek(round(seconds / stream.time_base), stream=stream)
            frame = next(container.decode(stream), None)
    except (av.FFmpegError, ValueError):
        return
    if frame is not None:
        _check_shape(path, since, _stored(info), (frame.width, frame.height))


def refuse_changes(path: Path, info: VideoInfo):
    """Raise InputError if any frame of a video that cannot be decoded whole has another size than the first."""
    first = _stored(info)
    try:
        with open_video(path) as container:
            for number, frame in enumerate(container.decode(main_stream(container))):
                if (frame.width, frame.height) != first:
                    raise _refused(path, f"from frame {number} on", first, (frame.width, frame.height))
    except (av.FFmpegError, ValueError):
        return


def _stored(info: VideoInfo) -> tuple[int, int]:
    """Width and height of the first frame before it is turned."""
    return info.coded[::-1] if info.rotation % 180 else info.coded


def _check_shape(path: Path, since: str, before: tuple[int, int], now: tuple[int, int]):
    if abs(now[0] * before[1] / (now[1] * before[0]) - 1) > SAME_SHAPE:
        raise _refused(path, since, before, now)


def _refused(path: Path, since: str, before: tuple[int, int], now: tuple[int, int]) -> InputError:
    size = f"{before[0]}:{before[1]}"
    return InputError(
        f"{path}: {since} the frames are {now[0]}x{now[1]}, not {before[0]}x{before[1]}; end the window before, or make all of one size: "
        f"ffmpeg -i IN -vf scale={size}:force_original_aspect_ratio=decrease,pad={size}:-1:-1 OUT"
    )
