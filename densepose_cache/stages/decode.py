"""Decode the clips of a shard to square RGB frames."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..cache.quarantine import Quarantine, blamed_on_clip
from ..cache.shard import ShardWriter
from ..clips import Clip, read_clips
from ..config import FORMATS, READER, VideoSettings
from ..config.base import read_settings
from ..core.errors import ClipError, InputError
from ..core.geometry import Geometry
from ..core.progress import Bar
from ..storage.digest import digest
from ..video import frame_files, frame_times, probe, read_folder, read_frames
from ..video.conversion import Conversion
from ..video.folder import folder_conversions, picture_size
from ..video.picture import PICTURES
from ..video.probe import FrameTimes, VideoInfo

FOLDER_FPS = 25.0
"""Rate that is noted for a folder of frames without a rate of its own."""
CONVERTED = "converted"
"""Attribute of a clip whose video or pictures were no plain ones: what was done to them, in words."""
FEWEST = 4
"""A source frame and three consecutive target frames."""


@dataclass(frozen=True)
class Plan:
    """What is read of one clip: the window's `start` and `end`, and the `frames` of it, in order, that are stored.

    `times` and `info` are those of a video; `converted` is what is done to make plain RGB, in words.
    """

    clip: Clip
    geometry: Geometry
    start: int
    end: int
    frames: np.ndarray
    fps: float
    times: FrameTimes | None
    info: VideoInfo | None
    converted: list[str]


def decode_shard(table_csv: Path, out: Path, settings: VideoSettings):
    """Write the shard `out` (stage `decode`): for every clip of `table_csv` its frames as `settings` ask for.

    Datasets `rgb` (T, size, size, 3) uint8 and `source_frame` (T,) int32; attributes `geometry` (JSON), `split`, `fps`, and `converted`
    (text: what was done to make plain RGB of a video's frames or a folder's pictures) where anything was, which is also said. Clips whose
    digest stands in the previous shard are taken over. A bad clip is one whose video or picture is truncated, damaged or of another size
    than its neighbours, that has fewer than 4 frames in its window, or whose window or box lies outside: it goes into quarantine if the
    settings say so. Raises InputError, and leaves no file, for a bad clip otherwise, and where a video or picture is missing.
    """
    clips = read_clips(table_csv)
    with ShardWriter(out, "decode", settings.decisive()) as writer:
        quarantine, look = Quarantine(writer, settings.bad_clips, "video.bad_clips", READER), functools.cache(video_conversion)
        wanted = [(clip, clip_digest(clip, settings, look)) for clip in clips]
        due = [(clip, value) for clip, value in wanted if not quarantine.keep(clip.name, value)]
        plans = []
        for clip, value in due:
            with quarantine.guard(clip.name, value, split=clip.split):
                plans.append((plan_clip(clip, settings), value))
        with Bar(f"Decode {Path(out).stem}", sum(len(plan.frames) for plan, _ in plans), unit="frames", clips=len(plans)) as bar:
            for plan, value in plans:
                with bar.clip(len(plan.frames)), quarantine.guard(plan.clip.name, value, split=plan.clip.split):
                    _decode(writer, plan, value, settings, bar)


def clip_digest(clip: Clip, settings: VideoSettings, look: Callable[[Path], Conversion]) -> str:
    """Digest of all that a decoded clip depends on; what is done with bad clips is no part of it.

    How its frames are read is a part of it where that departs from the plain case, of a video as of a folder: all other clips keep the
    digest that they always had. `look` is `video_conversion`, or what remembers its answers.
    """
    facts = [clip.sha256, clip.window, clip.bbox, clip.split, clip.fps]
    if clip.video.is_dir():
        departures = [{"pictures": PICTURES}] if _picture_conversions(clip) else []
    else:
        needs = look(clip.video).facts()
        departures = [needs] if needs else []
    return digest("decode", FORMATS["decode"], settings.decisive("bad_clips"), *facts, *departures)


def video_conversion(video: Path) -> Conversion:
    """What a video needs beyond the plain case; nothing is known of one that is gone or cannot be read, which counts as plain."""
    with contextlib.suppress(InputError):
        return probe(video).conversion
    return Conversion()


def plan_clip(clip: Clip, settings: VideoSettings) -> Plan:
    """Which frames of a clip are stored, and how they are cut. Raises InputError and, for a bad clip, ClipError; see `decode_shard`."""
    path = clip.video
    if settings.fps and path.is_dir() and not clip.rate:
        raise InputError(f"{path}: video.fps is {settings.fps:g} but a folder of frames has no rate; set video.fps to null")
    with blamed_on_clip(path):
        if path.is_dir():
            files = frame_files(path)
            (width, height), times, info, fps = picture_size(files[0]), None, None, clip.rate or FOLDER_FPS
            seconds = np.arange(len(files)) / fps
        else:
            times, info = frame_times(path), probe(path)
            width, height, seconds, fps = info.width, info.height, times.seconds, times.rate(info.fps)
    start, end = _window(clip, path, len(seconds))
    frames = np.arange(start, end)
    if settings.fps:
        frames, fps = resample(seconds, start, end, settings.fps), settings.fps
    if len(frames) < FEWEST:
        raise ClipError(
            f"{path}: clip {clip.name!r} has {len(frames)} frame{'s' * (len(frames) != 1)} (frames {start}..{end - 1}) but at least "
            f"{FEWEST} are needed, a source and three consecutive targets; widen its window or remove the clip"
        )
    try:
        geometry = Geometry.from_box(width, height, clip.box, settings.size)
    except InputError as error:
        raise ClipError(f"{path}: clip {clip.name!r}: {error}") from None
    said = _picture_conversions(clip) if info is None else list(filter(None, [str(info.conversion)]))
    return Plan(clip, geometry, start, end, frames, fps, times, info, said)


def resample(seconds: np.ndarray, start: int, end: int, fps: float) -> np.ndarray:
    """Numbers of the frames that are shown at 0, 1/fps, 2/fps, ... after frame `start` begins, up to frame end-1.

    `seconds` are the presentation times of all frames; a frame is shown until the next one begins, the video's last one as long as most.
    Frames repeat where `fps` is above the video's own rate.
    """
    window = seconds[start:end]
    step = np.median(np.diff(seconds)) if len(seconds) > 1 else 0.0
    stop = seconds[end] if end < len(seconds) else window[-1] + step
    count = int(np.floor((stop - window[0]) * fps + 1e-6))
    clock = window[0] + np.arange(max(count, 1)) / fps
    return start + np.searchsorted(window, clock + 1e-6, side="right") - 1


def _picture_conversions(clip: Clip) -> list[str]:
    """What is done to make 8-bit sRGB of the pictures of a clip, in words; see `folder_conversions`."""
    return folder_conversions(clip.video, *clip.window)


def _window(clip: Clip, path: Path, total: int) -> tuple[int, int]:
    start = clip.start_frame or 0
    end = total if clip.end_frame is None else clip.end_frame
    if start >= total or end > total:
        raise ClipError(f"{path}: the window {start}..{end} of clip {clip.name!r} goes past the end; there are {total} frames")
    return start, end


def _decode(writer: ShardWriter, plan: Plan, value: str, settings: VideoSettings, bar: Bar):
    name, size = plan.clip.name, settings.size
    group = writer.create(name, value, geometry=plan.geometry.to_json(), split=plan.clip.split, fps=plan.fps)
    writer.table(group, "source_frame", plan.frames.astype(np.int32))
    times_shown = np.bincount(plan.frames - plan.start, minlength=plan.end - plan.start)
    stream = writer.stream(group, "rgb", (size, size, 3), np.uint8)
    converted = list(plan.converted)
    for repeats, frame in zip(times_shown, _frames(plan, settings, converted.append), strict=True):
        for _ in range(repeats):
            stream.append(frame)
            bar.advance(text=name)
    stream.close()
    if converted:
        group.attrs[CONVERTED] = "; ".join(converted)
        print(f"clip {name}: {group.attrs[CONVERTED]}", file=sys.stderr, flush=True)


def _frames(plan: Plan, settings: VideoSettings, note: Callable[[str], None]) -> Iterator[np.ndarray]:
    path, geometry = plan.clip.video, plan.geometry
    with blamed_on_clip(path):
        if plan.times is None:
            for frame in read_folder(path, plan.start, plan.end, settings.pad):
                yield geometry.image(frame, settings.pad)
        else:
            window, size = (plan.start, plan.end), (settings.size, settings.size)
            yield from read_frames(path, *window, geometry.filters(settings.pad), size, plan.times, plan.info, settings.pad, note)


def command(
    clips: Annotated[Path, typer.Option(help="Clip table of the shard, as `clips` writes it.")],
    out: Annotated[Path, typer.Option(help="Shard of frames to write (HDF5).")],
    settings: Annotated[str | None, typer.Option(help="Video settings: JSON text, or the path of a JSON or YAML file.")] = None,
):
    """Decode the clips of a shard: cut windows and boxes out, pad to a square, resize, resample.

    Example: densepose-cache decode --clips cache/mine/clips/000.csv --out cache/mine/frames/000.h5 --settings '{"size": 256}'
    """
    decode_shard(clips, out, read_settings(VideoSettings, settings))
