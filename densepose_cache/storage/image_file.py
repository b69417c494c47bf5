"""Open picture files: one error in one line for all that is no picture, and a limit on the memory that one may take."""

import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from ..core.errors import InputError
from .names import check_file

UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, struct.error, zlib.error)
"""What Pillow raises for pictures that are cut off, damaged or of a kind that it does not know."""
MOST_BYTES = 512 << 20
"""Bytes that the pixels of a picture may take while it is decoded: 134 megapixels in colour, 537 in 8-bit grey or with a palette."""
BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes a pixel takes in Pillow's memory, by mode; 4 in all others."""
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


@contextlib.contextmanager
def open_image(path: Path, what: str = "picture") -> Iterator[Image.Image]:
    """Context manager: the picture `path` as Pillow opens it, not decoded yet, of any size; `what` it is goes into messages.

    Raises InputError, also for what Pillow raises inside, if the file is missing, a folder, empty, damaged or no picture.
    """
    path = Path(path)
    check_file(path, what)
    with _of_any_size(), _explained(path), _opened(path) as image:
        yield image


def load(path: Path, image: Image.Image) -> Image.Image:
    """The open `image`, decoded. Raises InputError, which names `path`, if that would take more than MOST_BYTES bytes."""
    width, height = image.size
    if width * height * BYTES.get(image.mode, 4) > MOST_BYTES:
        raise InputError(f"{path}: has {width}x{height} pixels, which would take too much memory; scale the picture down")
    image.load()
    return image


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        if not _is_heif(path):
            raise ValueError("it is of no kind that can be read") from None
    try:
        import pi_heif
    except ImportError:
        raise InputError(
            f"{path}: is a HEIC picture; save it as JPEG or PNG (`heif-convert`, or the photo program's export), or let it be read: "
            "pip install 'dwnet[heic]'"
        ) from None
    pi_heif.register_heif_opener()
    return Image.open(path)


def _is_heif(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(12)
    return start[4:8] == b"ftyp" and start[8:12] in HEIF_BRANDS


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except UNREADABLE as error:
        raise InputError(f"{path}: cannot be read as a picture ({error}); copy it again or remove it") from None


@contextlib.contextmanager
def _of_any_size() -> Iterator[None]:
    """Context manager without Pillow's own limit, which knows neither modes nor reduced scales."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before
