"""What `dwnet animate` is given: a person (one frame with its IUV map) and a motion (IUV maps), from the cache or from files."""

import contextlib
import functools
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from densepose_cache.cache.reader import SplitReader
from densepose_cache.clips import Clip
from densepose_cache.config import DensePoseSettings, VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.backend import ClipFrames, FrameMap, make_backend
from densepose_cache.densepose.backends.precomputed import SideFile
from densepose_cache.densepose.missing import fill_missing
from densepose_cache.iuv import PNG_SUFFIX, read_iuv_png
from densepose_cache.storage.names import check_file, check_link, check_name, is_there, output_path
from densepose_cache.video import frame_files, frame_times, probe, read_folder, read_frames
from densepose_cache.video.folder import folder_conversions, picture_size
from densepose_cache.video.picture import open_picture
from densepose_cache.video.probe import FrameTimes, VideoInfo
from densepose_cache.video.sound import Sound, find_sound

from .pace import Pace, paced

CACHED = re.compile(r"(?P<path>.+\.h5):(?P<clip>[^:/]+)")
FOLDER_FPS = 25.0
"""Frame rate of a folder of frames, unless the caller says another."""


@dataclass(frozen=True)
class Person:
    """Frame and IUV map (S, S, 3) uint8 of the person to animate."""

    image: np.ndarray
    iuv: np.ndarray


@dataclass(frozen=True)
class Motion:
    """IUV maps (T, S, S, 3) uint8, the real frames (T, S, S, 3) where they were asked for, and how they become a video.

    Each is shown `repeats` (T,) times at `fps` frames a second, with `sound` if there is any.
    """

    iuv: np.ndarray
    fps: float
    frames: np.ndarray | None
    repeats: np.ndarray
    sound: Sound | None = None


@dataclass(frozen=True)
class Options:
    """How files become square frames with IUV maps: their side, the DensePose settings, the folder of weights, whether frames are kept."""

    size: int
    densepose: DensePoseSettings
    weights: Path
    frames: bool


def cached(text: str) -> tuple[Path, str] | None:
    """(index file, clip) of `cache/{dataset}/{split}.h5:{clip}`; None for anything else."""
    match = CACHED.fullmatch(text)
    return (Path(match["path"]), match["clip"]) if match else None


def frame_size(source: str, driving: str, asked: int | None) -> int | None:
    """Side of the frames: that of clips of the cache, else the one `asked` for, perhaps None. Raises InputError if they differ, or if
    frames `asked` for cannot be generated."""
    if asked is not None and (asked % 4 or not 32 <= asked <= 2048):
        raise InputError(f"frames of {asked}x{asked} pixels cannot be generated; the size must be a multiple of 4, from 32 to 2048")
    sizes = {}
    for path, _ in filter(None, map(cached, (source, driving))):
        with SplitReader(path) as reader:
            sizes[path] = reader.size
            if asked not in (None, reader.size):
                raise InputError(f"{path}: its frames have a side of {reader.size} pixels, not {asked}; leave out --size, or give files")
    if len(set(sizes.values())) > 1:
        raise InputError("the clips have frames of different sizes: " + ", ".join(f"{path} {size}" for path, size in sizes.items()))
    return next(iter(sizes.values()), asked)


def check_output(out: Path, *inputs: str):
    """Raise InputError if the video `out` is one of the files that the `inputs` name, or no .mp4, or a name that no file can have."""
    output_path(out)
    for text in inputs:
        with contextlib.suppress(OSError):
            if out.samefile(text):
                raise InputError(f"{out}: is the same file as {text}, which would be overwritten; name another one with --output")
    if out.suffix.lower() != ".mp4":
        raise InputError(f"{out}: does not end in .mp4, and no other kind of file is written; name another one with --output")


def load_person(text: str, iuv: Path | None, options: Options) -> Person:
    """The first frame of a clip of the cache, or a picture with the IUV map in `iuv`, beside it, or from DensePose. Raises InputError."""
    if place := _cached_alone(text, iuv, "--source-iuv"):
        with SplitReader(place[0]) as reader:
            return Person(reader.frames(place[1], 0), reader.iuv(place[1], 0))
    path = _existing(text, "picture")
    pixels, size = _read_photo(path)
    height, width = pixels.shape[:2]
    geometry = Geometry.from_box(width, height, None, options.size)
    image = geometry.image(pixels, VideoSettings().pad)
    official = path.parent.with_name("dp_target")
    found = iuv or _first(
        [path.with_name(f"{path.stem}{PNG_SUFFIX}"), path.with_name(f"{path.stem}.iuv.h5"), official / f"{path.stem}{PNG_SUFFIX}"]
    )
    if found is None:
        (found,) = _detect(path, image[None], geometry, options, "--source-iuv")
        if found.iuv is None:
            raise InputError(f"{path}: nobody was found on this picture; choose another one, or give its IUV map with --source-iuv")
        return Person(image, found.iuv)
    person = _picture_iuv(found, options.densepose.png_order)
    if person.shape[1::-1] not in ((width, height), size):
        raise InputError(f"{found}: is {person.shape[1]}x{person.shape[0]}, but {path} is {size[0]}x{size[1]} pixels")
    if not person[..., 0].any():
        raise InputError(f"{found}: nobody is on this IUV map; choose a picture in which DensePose finds a person")
    return Person(image, Geometry.from_box(*person.shape[1::-1], None, options.size).labels(person))


def _read_photo(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    """(H, W, 3) uint8 sRGB of a photo, at reduced scale if it is very large, and its full (width, height). Says what was converted."""
    with open_picture(path) as picture:
        pixels, said = picture.rgb(VideoSettings().pad, reduce=True), picture.conversions()
    if pixels.shape[:2] != picture.size[::-1]:
        said.append(f"{picture.size[0]}x{picture.size[1]} pixels opened at {pixels.shape[1]}x{pixels.shape[0]}")
    _say(path, *said)
    return pixels, picture.size


def load_motion(text: str, iuv: Path | None, fps: float | None, options: Options) -> Motion:
    """A clip of the cache, or a video or folder of frames with IUV maps in `iuv`, beside it, or from DensePose. Raises InputError.

    At another rate `fps` frames repeat or are left out, so that all moves as fast as in the clip or video; of a folder it is the frames'
    own. Frames that come unevenly are shown at their own times.
    """
    if place := _cached_alone(text, iuv, "--driving-iuv"):
        with SplitReader(place[0]) as reader:
            maps, rate = reader.iuv(place[1], slice(None)), reader.fps(place[1])
            pace = paced(np.arange(len(maps)) / rate, rate, fps)
            frames = reader.frames(place[1], slice(None))[pace.shown] if options.frames else None
            return Motion(maps[pace.shown], pace.fps, frames, pace.repeats)
    path = _existing(text, "driving video")
    if path.is_dir():
        files = frame_files(path)
        size, info, times, said = picture_size(files[0]), None, None, folder_conversions(path)
        pace = Pace(np.arange(len(files)), FOLDER_FPS if fps is None else fps)
    else:
        info, times = probe(path), frame_times(path)
        size, rate, said = (info.width, info.height), times.rate(info.fps), [str(info.conversion)]
        pace = paced(times.seconds, rate, fps, times.even(rate))
    _say(path, *said)
    geometry = Geometry.from_box(*size, None, options.size)
    official = [path.with_name("dp_target")] if path.is_dir() else []
    found = iuv or _first([path.with_name(f"{path.stem}.iuv.h5"), path.with_name(f"{path.stem}_IUV"), *official])
    frames = _square_frames(path, geometry, pace.shown, times, info) if found is None or options.frames else None
    if found is None:
        maps = _detect(path, frames, geometry, options, "--driving-iuv")
    else:
        maps = _file_maps(path, found, pace.shown, geometry, options)
    settings = options.densepose
    filled = fill_missing(maps, str(path), len(pace.shown), options.size, settings.missing, settings.max_missing)
    sound = None if times is None else _sound(path, times, len(pace.numbers) / pace.fps)
    return Motion(filled.iuv, pace.fps, frames, pace.repeats, sound)


def _sound(path: Path, times: FrameTimes, seconds: float) -> Sound | None:
    sound, reason = find_sound(path, times, seconds)
    if reason:
        _say(path, f"its sound is left out: {reason}")
    return sound


def _cached_alone(text: str, iuv: Path | None, flag: str) -> tuple[Path, str] | None:
    """As `cached`. Raises InputError where maps are given for a clip that has its own."""
    place = cached(text)
    if place and iuv:
        raise InputError(f"{iuv}: the clip {text} has IUV maps of its own; leave out {flag}")
    return place


def _existing(text: str, what: str) -> Path:
    path = Path(text).absolute()
    check_name(path)
    check_link(path)
    if not path.exists():
        raise InputError(f"{text}: no such {what}; give a file, or a clip of the cache as cache/DATASET/test.h5:CLIP")
    if path.suffix == ".h5":
        raise InputError(f"{text}: is no {what}; of a file of the cache give a clip, as {text}:CLIP")
    return path


def _first(places: list[Path]) -> Path | None:
    return next((place for place in places if is_there(place)), None)


def _picture_iuv(path: Path, png_order: str) -> np.ndarray:
    if path.suffix.lower() == ".png":
        return read_iuv_png(path, png_order)
    check_file(path, "file of IUV maps")
    side = SideFile(path)
    try:
        return side.read(0)
    finally:
        side.close()


def _file_maps(path: Path, iuv: Path, numbers: np.ndarray, geometry: Geometry, options: Options) -> Iterable[FrameMap]:
    """Maps of the frames `numbers` (T,) of a video or folder from a side file or a folder of PNGs."""
    if not is_there(iuv):
        raise InputError(f"{iuv}: no such file or folder of IUV maps")
    backend = make_backend(options.densepose.model_copy(update={"backend": "precomputed"}), options.weights)
    clip = ClipFrames(Clip(str(path), path, iuv=iuv), None, numbers.astype(np.int32), geometry)
    return backend.maps(clip)


def _detect(path: Path, frames: np.ndarray, geometry: Geometry, options: Options, flag: str) -> list[FrameMap]:
    """Maps of square frames (T, S, S, 3) from DensePose. Raises InputError with the other ways where it cannot run."""
    clip = ClipFrames(Clip(str(path), path), frames, np.arange(len(frames), dtype=np.int32), geometry)
    settings = options.densepose
    if settings.backend == "precomputed":
        settings = settings.model_copy(update={"backend": "auto"})
    try:
        backend = make_backend(settings, options.weights)
        _say(path, f"IUV maps by the backend {backend.name}")
        return list(backend.maps(clip))
    except InputError as error:
        raise InputError(
            f"{path}: no IUV maps lie beside it, and DensePose cannot make them here: {error}. Or give them with {flag} (PNG, folder of "
            "PNGs or .iuv.h5)"
        ) from None


def _square_frames(path: Path, geometry: Geometry, numbers: np.ndarray, times: FrameTimes | None, info: VideoInfo | None) -> np.ndarray:
    """Frames `numbers` (T,), ascending, of a folder or video, (T, S, S, 3) uint8; `times` and `info` are those of a video."""
    pad, wanted = VideoSettings().pad, set(numbers.tolist())
    if info is None:
        found = (geometry.image(frame, pad) for frame in read_folder(path, pad=pad))
    else:
        size, note = (geometry.size, geometry.size), functools.partial(_say, path)
        found = read_frames(path, filters=geometry.filters(pad), size=size, times=times, info=info, pad=pad, note=note)
    return np.stack([frame for number, frame in enumerate(found) if number in wanted])


def _say(path: Path, *texts: str):
    """Say `texts` of a file on standard error, if there are any."""
    if texts := list(filter(None, texts)):
        print(f"{path}: {'; '.join(texts)}", file=sys.stderr)
