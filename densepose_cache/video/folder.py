"""Folders of numbered frames as videos."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from natsort import natsorted

from ..core.errors import InputError
from ..storage.names import check_link, check_name
from .picture import WHITE, Colour, open_picture, picture_size, read_picture

SUFFIXES = {".png", ".jpg", ".jpeg"}
OTHER_SUFFIXES = {".webp", ".tif", ".tiff", ".bmp", ".avif", ".jp2", ".heic", ".heif"}
"""Pictures that are frames where none of SUFFIXES is there."""


def frame_files(folder: Path) -> list[Path]:
    """Picture files of `folder` in natural order (frame2 before frame10).

    Raises InputError if there is none, or one is a link without a target or has a name that is not UTF-8.
    """
    folder = Path(folder)
    check_link(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of frames")
    seen = [p for p in folder.iterdir() if not p.name.startswith(".")]
    files = [p for p in seen if p.suffix.lower() in SUFFIXES] or [p for p in seen if p.suffix.lower() in OTHER_SUFFIXES]
    if not files:
        raise InputError(f"{folder}: the folder holds no frames (.png, .jpg or another kind of picture)")
    for path in files:
        check_name(path)
        check_link(path)
    return natsorted(files, key=lambda p: p.name)


def read_folder(folder: Path, start: int | None = None, end: int | None = None, pad: Colour = WHITE) -> Iterator[np.ndarray]:
    """Yield frames start..end-1 of a folder as (H, W, 3) uint8 RGB, transparent pixels over `pad`.

    Raises InputError for a file that is no picture or has another size than the first one of the folder.
    """
    files = frame_files(folder)
    first = picture_size(files[0])
    for path in files[start:end]:
        frame = read_picture(path, pad)
        if frame.shape[1::-1] != first:
            size = f"{frame.shape[1]}x{frame.shape[0]}"
            raise InputError(f"{path}: is {size} but {files[0].name} is {first[0]}x{first[1]}; all frames of a clip must have one size")
        yield frame


def folder_conversions(folder: Path, start: int | None = None, end: int | None = None) -> list[str]:
    """All that is done to make 8-bit sRGB of the frames start..end-1 of a folder, in words, sorted; none for frames that are that already.

    Frames that are not there or cannot be read count as such. Pixels are decoded only of frames with an alpha channel, up to the first
    transparent one.
    """
    found: set[str] = set()
    transparency = None
    with contextlib.suppress(InputError):
        for path in frame_files(folder)[start:end]:
            with contextlib.suppress(InputError), open_picture(path) as picture:
                found |= {text for text in (picture.profile, picture.depth) if text}
                transparency = transparency or picture.transparency
    return sorted(found | ({transparency} if transparency else set()))
