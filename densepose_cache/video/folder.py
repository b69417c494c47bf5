"""Folders of numbered frames as videos."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from natsort import natsorted
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from ..errors import InputError

SUFFIXES = {".png", ".jpg", ".jpeg"}
ON_ITS_SIDE = range(5, 9)
"""EXIF orientations in which width and height change places."""


def frame_files(folder: Path) -> list[Path]:
    """Picture files of `folder` in natural order (frame2 before frame10). Raises InputError if there is none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of frames")
    files = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
    if not files:
        raise InputError(f"{folder}: the folder holds no frames (.png or .jpg)")
    return natsorted(files, key=lambda p: p.name)


def read_folder(folder: Path, start: int | None = None, end: int | None = None) -> Iterator[np.ndarray]:
    """Yield frames start..end-1 of a folder as (H, W, 3) uint8 RGB.

    Raises InputError for a file that is no picture or has another size than the first one of the folder.
    """
    files = frame_files(folder)
    first = picture_size(files[0])
    for path in files[start:end]:
        frame = read_picture(path)
        if frame.shape[1::-1] != first:
            size = f"{frame.shape[1]}x{frame.shape[0]}"
            raise InputError(f"{path}: is {size} but {files[0].name} is {first[0]}x{first[1]}; all frames of a clip must have one size")
        yield frame


def read_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a picture file, turned as its EXIF tags say; transparency is dropped. Raises InputError."""
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a picture ({error}); copy it again or remove it") from None


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture file as shown. Raises InputError."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(ExifTags.Base.Orientation, 1) in ON_ITS_SIDE
            return image.size[::-1] if turned else image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a picture ({error}); copy it again or remove it") from None
