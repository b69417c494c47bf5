"""The sound of a video, for another one that moves in time with it."""

from dataclasses import dataclass
from pathlib import Path

import av

from .probe import FrameTimes, open_video


@dataclass(frozen=True)
class Sound:
    """The first sound of the file `path`, from `start` seconds after the file begins, where its picture begins, for `seconds`."""

    path: Path
    start: float
    seconds: float


def find_sound(path: Path, times: FrameTimes, seconds: float) -> tuple[Sound | None, str]:
    """The sound of `seconds` of a video whose frames have `times`, or None; and why there is none although the file has one, or ""."""
    with open_video(path) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            return None, ""
        if times.joined:
            return None, "its clock starts again in the file"
        try:
            next(container.decode(stream), None)
        except (av.FFmpegError, ValueError, AttributeError) as error:
            return None, f"it cannot be decoded ({error})"
    return Sound(path, max(0.0, float(times.seconds[0]) - times.start), seconds), ""
