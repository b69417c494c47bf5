"""Pictures as 8-bit sRGB, upright.

Deep ones are scaled to 8 bits, colours converted from their ICC profile to sRGB, transparent pixels composed over a colour, very large
photos opened at reduced scale. An 8-bit RGB picture without a profile or with that of sRGB, and without transparent pixels, stays what it
is.
"""

import contextlib
import functools
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps

from ..core.errors import InputError
from ..storage.image_file import load, open_image

PICTURES = 1
"""Version of how pictures that are no plain 8-bit RGB are read; bumped by hand when what comes out changes."""
Colour = tuple[int, int, int]
WHITE = (255, 255, 255)
ON_ITS_SIDE = range(5, 9)
"""EXIF orientations in which width and height change places."""
LARGE, REDUCED = 6144, 4096
"""Photos with more than LARGE pixels on the longer side are opened with at most REDUCED."""
LARGEST = 8192
"""Pixels that the longer side of a picture may have that is read at full scale."""
STRIP = 1 << 24
"""Pixels that are converted at once."""
WHITE_IS_ZERO, BITS_PER_SAMPLE = 262, 258
"""TIFF tags: PhotometricInterpretation, which is 0 where the greatest value is black, and BitsPerSample."""
GREY = {"1", "L", "LA", "La", "I", "F"}
SPACES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode by the colour space of a profile."""
SAME_COLOURS = 2
"""Levels by which a profile's colours may differ from sRGB and count as the same."""


class Picture:
    """An open picture file."""

    def __init__(self, path: Path, image: Image.Image):
        self.path, self._image = path, image
        self._full = image.size
        """Size in pixels before a reduced scale is chosen."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as shown, at full scale."""
        return self._full[::-1] if self._orientation in ON_ITS_SIDE else self._full

    @property
    def depth(self) -> str | None:
        """What is done to grey values of more than 8 bits; None for all other pictures."""
        if self._image.mode == "F":
            return "floating-point values scaled from 0..1"
        if self._image.mode.startswith("I"):
            return "16-bit grey scaled to 8 bits" if self._sixteen_bits else "32-bit integers refused"
        return None

    @property
    def profile(self) -> str | None:
        """What is done to the colours of a profile; None without a profile, with that of sRGB, or with one that cannot be used."""
        transform = self._transform
        return f"colours converted from the profile {transform[1]!r} to sRGB" if transform else None

    @property
    def transparency(self) -> str | None:
        """What is done to transparent pixels; None if there are none."""
        if not self._image.has_transparency_data:
            return None
        load(self.path, self._image)
        opaque = all(_alpha(strip).getextrema()[0] == 255 for strip in self._strips(1))
        return None if opaque else "transparency composed over video.pad"

    def conversions(self) -> list[str]:
        """All that is done to make 8-bit sRGB of the picture, in words."""
        return [text for text in (self.depth, self.profile, self.transparency) if text]

    def rgb(self, pad: Colour = WHITE, reduce: bool = False) -> np.ndarray:
        """(H, W, 3) uint8 sRGB, upright, transparent pixels over `pad`; with `reduce` very large ones at 1/2, 1/4, ... of their scale.

        Raises InputError if the picture is too large or the range of its values is unknown.
        """
        longest, factor = max(self._full), 1
        if longest > LARGEST and not reduce:
            raise InputError(f"{self.path}: is {self.size[0]}x{self.size[1]} but at most {LARGEST} pixels a side are read; scale it down")
        while reduce and longest > LARGE and longest > factor * REDUCED:
            factor *= 2
        if factor > 1:
            self._image.draft(None, tuple(-(-side // factor) for side in self._full))
        load(self.path, self._image)
        self._check_range()
        left = factor * max(self._image.size) // longest
        orientation = self._orientation
        pieces = [_reduced(self._converted(strip, pad), left) for strip in self._strips(left)]
        shown = _stacked(pieces)
        if orientation != 1:
            shown.getexif()[ExifTags.Base.Orientation] = orientation
            ImageOps.exif_transpose(shown, in_place=True)
        return np.asarray(shown)

    @functools.cached_property
    def _orientation(self) -> int:
        """The EXIF orientation; 1 for TIFF, which Pillow turns."""
        return 1 if self._image.format == "TIFF" else self._image.getexif().get(ExifTags.Base.Orientation, 1)

    @property
    def _sixteen_bits(self) -> bool:
        return self._image.mode.startswith("I;16") or (self._image.mode == "I" and self._image.format in ("PNG", "PPM"))

    def _check_range(self):
        """Raise InputError if nobody can know which values are black and white."""
        if not self.depth or self._sixteen_bits:
            return
        values = np.asarray(self._image)
        low, high = values.min(), values.max()
        if self._image.mode != "F" or not (low >= 0 and high <= 1):
            kind, known = ("floating-point values", " but of 0..1") if self._image.mode == "F" else ("32-bit integers", "")
            raise InputError(
                f"{self.path}: holds {kind} from {low:g} to {high:g}, and nobody can know which are black and white{known}; "
                "save it with 8 or 16 bits"
            )

    def _strips(self, step: int) -> Iterator[Image.Image]:
        """The picture from top to bottom in strips of whole multiples of `step` rows."""
        width, height = self._image.size
        rows = step * max(1, STRIP // (step * width))
        if rows >= height:
            yield self._image
            return
        for top in range(0, height, rows):
            yield self._image.crop((0, top, width, min(top + rows, height)))

    def _converted(self, strip: Image.Image, pad: Colour) -> Image.Image:
        """A strip as 8-bit sRGB over `pad`."""
        alpha = _alpha(strip) if strip.has_transparency_data else None
        if self.depth:
            strip = self._eight_bits(strip)
        if self._transform:
            strip = self._transform[0].apply(_in_mode(strip, self._transform[2]))
        shown = strip.convert("RGB")
        if alpha is None or alpha.getextrema()[0] == 255:
            return shown
        return Image.composite(shown, Image.new("RGB", shown.size, tuple(pad)), alpha)

    def _eight_bits(self, strip: Image.Image) -> Image.Image:
        values = np.asarray(strip).astype(np.float32)
        tags = self._image.tag_v2 if self._image.format == "TIFF" else {}
        if strip.mode != "F":
            values /= 2 ** int(tags.get(BITS_PER_SAMPLE, (16,))[0]) - 1
            if tags.get(WHITE_IS_ZERO) == 0:
                values = 1 - values
        return Image.fromarray(np.rint(values * 255).astype(np.uint8))

    @functools.cached_property
    def _transform(self) -> tuple[ImageCms.ImageCmsTransform, str, str] | None:
        """Transform to sRGB, name of the profile, and the mode that the transform takes."""
        profile = self._image.info.get("icc_profile")
        if not profile:
            return None
        mode = self._image.mode
        return _to_srgb(profile, "L" if mode in GREY or mode.startswith("I;16") else "CMYK" if mode == "CMYK" else "RGB")


@contextlib.contextmanager
def open_picture(path: Path) -> Iterator[Picture]:
    """Context manager: the picture file `path`. Raises InputError as `open_image`."""
    with open_image(path) as image:
        yield Picture(Path(path), image)


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture file as shown. Raises InputError."""
    with open_picture(path) as picture:
        return picture.size


def read_picture(path: Path, pad: Colour = WHITE) -> np.ndarray:
    """(H, W, 3) uint8 sRGB of a picture file at full scale, upright, transparent pixels over `pad`. Raises InputError."""
    with open_picture(path) as picture:
        return picture.rgb(pad)


def _in_mode(strip: Image.Image, mode: str) -> Image.Image:
    return strip if strip.mode == mode else strip.convert(mode)


def _alpha(strip: Image.Image) -> Image.Image:
    """How opaque every pixel is, mode L."""
    if strip.mode.startswith("I"):
        return Image.fromarray(np.where(np.asarray(strip) == strip.info["transparency"], 0, 255).astype(np.uint8))
    return strip.convert("RGBA").getchannel("A")


def _reduced(strip: Image.Image, factor: int) -> Image.Image:
    return strip.reduce(factor) if factor > 1 else strip


def _stacked(pieces: list[Image.Image]) -> Image.Image:
    """Pictures of one width, one below the other."""
    if len(pieces) == 1:
        return pieces[0]
    whole = Image.new("RGB", (pieces[0].width, sum(piece.height for piece in pieces)))
    top = 0
    for piece in pieces:
        whole.paste(piece, (0, top))
        top += piece.height
    return whole


@functools.lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> tuple[ImageCms.ImageCmsTransform, str, str] | None:
    """Transform of colours in the ICC `profile` to sRGB, its name, and the mode it takes, for pictures of `mode` L, RGB or CMYK.

    None where the profile is that of sRGB as far as levels show, cannot be read, or is of other colours than the picture.
    """
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        takes = SPACES.get(found.profile.xcolor_space.strip(), "")
        if (mode, takes) not in {("L", "L"), ("L", "RGB"), ("RGB", "RGB"), ("CMYK", "CMYK")}:
            return None
        intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
        transform = ImageCms.buildTransform(found, ImageCms.createProfile("sRGB"), takes, "RGB", intent, flags)
        name = ImageCms.getProfileDescription(found).strip()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    probe = _probe(takes)
    differences = np.asarray(transform.apply(probe), np.int16) - np.asarray(probe.convert("RGB"), np.int16)
    return None if np.abs(differences).max() <= SAME_COLOURS else (transform, name or "without a name", takes)


def _probe(mode: str) -> Image.Image:
    """A picture of `mode` with colours from all over its range."""
    channels = {"L": 1, "RGB": 3, "CMYK": 4}[mode]
    levels = np.linspace(0, 255, 256 if channels == 1 else 17 if channels == 3 else 5).astype(np.uint8)
    colours = np.stack(np.meshgrid(*[levels] * channels, indexing="ij"), axis=-1)
    return Image.frombytes(mode, (1, colours.size // channels), colours.tobytes())
