"""The motion of what `dwnet animate` and `dwnet motion` are given: a video, a folder of frames, a clip of the cache or a motion file."""

import functools
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from densepose_cache.cache.reader import SplitReader
from densepose_cache.config import VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.backend import FrameMap
from densepose_cache.densepose.missing import stand_ins
from densepose_cache.densepose.search import USUAL
from densepose_cache.storage.names import is_there
from densepose_cache.video import frame_files, frame_times, probe, read_folder, read_frames
from densepose_cache.video.folder import folder_conversions, picture_size
from densepose_cache.video.probe import FrameTimes, VideoInfo
from densepose_cache.video.sound import Sound, find_sound

from .extraction import Extraction
from .framing.footage import Footage
from .framing.framed import framed, framed_by
from .inputs import cached_alone, existing, is_motion, motion_maps, say
from .motion import DrivingFrame, Motion, Wanted, paced_motion
from .motion_file import read_motion
from .pace import Pace, paced
from .stream import FrameStream

FOLDER_FPS = 25.0
"""Frame rate of a folder of frames, unless the caller says another."""
APART = 600
"""Frames that are further apart on the mean are sought one by one: two key frames may be as far from each other."""


def load_motion(text: str, iuv: Path | None, wanted: Wanted, extraction: Extraction) -> Motion:
    """A clip of the cache, a motion file, or a video or folder of frames with IUV maps in `iuv`, beside it, or from DensePose.

    At another rate frames repeat or are left out, so that all moves as fast as in the clip or video; of a folder it is the frames' own.
    Frames that come unevenly are shown at their own times. Raises InputError, perhaps not before it is read.
    """
    if place := cached_alone(text, iuv, "--driving-iuv"):
        wanted.framing.refuse(text)
        return _of_cache(*place, wanted)
    path = existing(text, "driving video")
    if is_motion(path):
        if iuv:
            raise InputError(f"{iuv}: the motion file {text} has IUV maps of its own; leave out --driving-iuv")
        wanted.framing.refuse(text)
        return read_motion(path, wanted)
    return _of_video(path, iuv, wanted, extraction)


def _of_video(path: Path, iuv: Path | None, wanted: Wanted, extraction: Extraction) -> Motion:
    """As `load_motion`, of a video or a folder of frames."""
    fps, size, frames = wanted.fps, wanted.size, wanted.frames
    if path.is_dir():
        files = frame_files(path)
        shape, info, times, said = picture_size(files[0]), None, None, folder_conversions(path)
        pace = Pace(np.arange(len(files)), FOLDER_FPS if fps is None else fps)
    else:
        info, times = probe(path), frame_times(path)
        shape, rate, said = (info.width, info.height), times.rate(info.fps), [str(info.conversion)]
        pace = paced(times.seconds, rate, fps, times.even(rate))
    say(path, *said)
    pace = pace.between(wanted.start, wanted.end)
    found = iuv or motion_maps(path)
    if found is not None and not is_there(found):
        raise InputError(f"{found}: no such file or folder of IUV maps")
    decode = functools.partial(_square_frames, path, times=times, info=info)
    footage = Footage(path, shape, pace.shown, decode, "--driving-iuv", "--driving-person")
    if found is None:
        geometry, search = framed(footage, size, wanted.framing, extraction)
    else:
        geometry, search = framed_by(functools.partial(extraction.read, path, found), footage, size, wanted.framing), USUAL

    @contextmanager
    def mapped(numbers: np.ndarray, keep: bool) -> Iterator[tuple[FrameStream, Iterator[FrameMap]]]:
        with closing(_square_frames(path, geometry, numbers, times, info)) as decoded:
            stream = FrameStream(decoded, len(numbers), size, keep)
            if found is None:
                maps = extraction.find(path, numbers, geometry, footage.iuv_flag, lambda: stream, search)
            else:
                maps = extraction.read(path, found, numbers, geometry)
            with closing(maps):
                yield stream, maps

    def read(pace: Pace) -> Iterator[DrivingFrame]:
        shown, settings = pace.shown, extraction.settings
        with mapped(shown, frames) as (stream, maps):
            for one in stand_ins(maps, str(path), len(shown), size, settings.missing, settings.max_missing):
                yield DrivingFrame(one.iuv, stream.take() if frames else None, one.found.iuv is None, one.found.score, one.found.people)

    def look(numbers: np.ndarray) -> Iterator[np.ndarray | None]:
        with mapped(numbers, False) as (_, maps):
            yield from (one.iuv for one in maps)

    sound = None if times is None else _sound(path, times, wanted.start or 0.0, len(pace.numbers) / pace.fps)
    rough = found is None and extraction.rough
    return paced_motion(size, frames, pace, read, look, sound=sound, maps=found, rough=rough, geometry=geometry)


def _of_cache(index: Path, clip: str, wanted: Wanted) -> Motion:
    with SplitReader(index) as reader:
        size, rate, length = reader.size, reader.fps(clip), reader.length(clip)
    pace = paced(np.arange(length) / rate, rate, wanted.fps).between(wanted.start, wanted.end)

    def read(pace: Pace) -> Iterator[DrivingFrame]:
        with SplitReader(index) as reader:
            for number in pace.shown.tolist():
                yield DrivingFrame(reader.iuv(clip, number), reader.frames(clip, number) if wanted.frames else None)

    def look(numbers: np.ndarray) -> Iterator[np.ndarray]:
        with SplitReader(index) as reader:
            yield from (reader.iuv(clip, number) for number in numbers.tolist())

    return paced_motion(size, wanted.frames, pace, read, look)


def _sound(path: Path, times: FrameTimes, start: float, seconds: float) -> Sound | None:
    sound, reason = find_sound(path, times, seconds)
    if reason:
        say(path, f"its sound is left out: {reason}")
    return sound and replace(sound, start=sound.start + start)


def _square_frames(
    path: Path, geometry: Geometry, numbers: np.ndarray, times: FrameTimes | None, info: VideoInfo | None
) -> Iterator[np.ndarray]:
    """Yield frames `numbers` (T,), ascending, of a folder or video, each (S, S, 3) uint8; `times` and `info` are those of a video."""
    if info and times.seekable and len(numbers) > 1 and (numbers[-1] - numbers[0]) / len(numbers) > APART:
        for place in range(len(numbers)):
            yield from _square_frames(path, geometry, numbers[place : place + 1], times, info)
        return
    pad, wanted, first, end = VideoSettings().pad, set(numbers.tolist()), int(numbers[0]), int(numbers[-1]) + 1
    if info is None:
        found = (geometry.image(frame, pad) for frame in read_folder(path, first, end, pad))
    else:
        size, note = (geometry.size, geometry.size), functools.partial(say, path)
        found = read_frames(path, first, end, geometry.filters(pad), size, times, info, pad, note)
    with closing(found):
        for number, frame in enumerate(found, first):
            if number in wanted:
                yield frame
