"""Files that visitors send: which they are, whether the page takes them, and copies that browsers can show."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from densepose_cache.core.errors import InputError
from densepose_cache.video import VideoWriter, frame_times, probe, read_frames
from densepose_cache.video.picture import read_picture

from .folder import PageFolder

SHOWN = ".shown"
"""Ends the stem of the name of a copy that lies beside a file which browsers cannot show."""
PICTURES, VIDEOS = {".jpg", ".jpeg", ".png", ".webp"}, {".mp4", ".m4v", ".webm"}
MB = 2**20
CODECS = {"h264", "vp8", "vp9", "av1"}
COPY_SIDE = 640
"""Longest side of such a copy in pixels."""


@dataclass(frozen=True)
class Limits:
    """What the page takes: files of at most `megabytes`, and at most `seconds` of motion at a time."""

    megabytes: float = 200.0
    seconds: float = 60.0

    @property
    def bytes(self) -> int:
        return round(self.megabytes * MB)

    def check_file(self, path: Path):
        """Raise InputError if the file is too large."""
        if path.stat().st_size > self.bytes:
            megabytes = path.stat().st_size / MB
            raise InputError(f"{path}: has {megabytes:.1f} MB, and this page takes at most {self.megabytes:g}; send a smaller file")

    def check_length(self, path: Path, start: float | None, end: float | None):
        """Raise InputError if the part from `start` to `end` of the video, None for its beginning and its end, is too long."""
        seconds = probe(path).seconds
        length = min(seconds, seconds if end is None else end) - (start or 0.0)
        if length > self.seconds:
            raise InputError(
                f"{path}: lasts {length:.0f} seconds, and this page animates at most {self.seconds:g} at a time; choose a part of it with "
                "“Begin at second” and “End at second” under “More options”"
            )


def files_of(payload, folder: PageFolder) -> list[Path]:
    """The files that an upload control holds, one or several, as they were sent. Raises InputError for one that was not sent here."""
    paths = []
    for one in payload if isinstance(payload, list) else [payload]:
        if one and one.get("path"):
            path = Path(one["path"])
            if not folder.inside(path):
                raise InputError(f"{path.name}: is not here any more; choose it again")
            paths.append(_sent(path))
    return paths


def photo_to_show(path: Path) -> Path:
    """The photo, or a JPEG of it beside it where browsers show no such files. Raises InputError if it is none."""
    pixels = read_picture(path)
    if path.suffix.lower() in PICTURES:
        return path
    copy = _copy(path, ".jpg")
    image = Image.fromarray(pixels)
    image.thumbnail((COPY_SIDE, COPY_SIDE))
    image.save(copy, quality=90)
    return copy


def video_to_show(path: Path) -> Path:
    """The video, or a silent MP4 of it beside it where browsers may not play it. Raises InputError if it is none."""
    info = probe(path)
    if path.suffix.lower() in VIDEOS and info.codec in CODECS and not str(info.conversion):
        return path
    times, copy = frame_times(path), _copy(path, ".mp4")
    scale = min(1.0, COPY_SIDE / max(info.width, info.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (info.width, info.height))
    frames = read_frames(path, filters=[("scale", {"w": width, "h": height})], size=(width, height), times=times, info=info)
    with VideoWriter(copy, times.rate(info.fps), (width, height), crf=26) as video:
        for frame in frames:
            video.write(frame)
    return copy


def _copy(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{SHOWN}{suffix}")


def _sent(path: Path) -> Path:
    """The file of which `path` is a copy to show, or `path`."""
    stem = path.with_suffix("").name
    return path.with_name(stem.removesuffix(SHOWN)) if stem.endswith(SHOWN) else path
