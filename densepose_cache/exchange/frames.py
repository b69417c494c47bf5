"""The frames that maps are imported for: of a video, or of a folder."""

from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError
from ..video import frame_files, frame_times, probe
from ..video.folder import picture_size


@dataclass(frozen=True)
class Frames:
    """Frames of the video or folder `path`: their number `count`, their size in pixels as shown, and `names` (stems) where each is a file.

    `stored` is their (width, height) before pixels that are not square are made so, None where that changes nothing.
    """

    path: Path
    count: int
    width: int
    height: int
    names: tuple[str, ...] | None
    stored: tuple[int, int] | None = None


def look_at_frames(path: Path) -> Frames:
    """The frames of a video, or of a folder in natural order. Raises InputError if there are none."""
    path = Path(path)
    if path.is_dir():
        files = frame_files(path)
        return Frames(path, len(files), *picture_size(files[0]), tuple(file.stem for file in files))
    if not path.exists():
        raise InputError(f"{path}: no such video or folder of frames; name what the maps were made of")
    info = probe(path)
    shown = info.width, info.height
    return Frames(path, len(frame_times(path).seconds), *shown, None, None if info.coded == shown else info.coded)
