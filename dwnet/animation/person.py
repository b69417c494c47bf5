"""Who is animated: a picture with its IUV map."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from densepose_cache.cache.reader import SplitReader
from densepose_cache.config import VideoSettings
from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.backend import FrameMap
from densepose_cache.densepose.backends.precomputed import SideFile
from densepose_cache.iuv import read_iuv_png
from densepose_cache.storage.names import check_file
from densepose_cache.video.picture import open_picture

from .extraction import Extraction
from .framing.choice import CROPPED, Framing
from .framing.footage import Footage
from .framing.framed import framed, framed_by
from .inputs import cached_alone, existing, picture_maps, say


@dataclass(frozen=True)
class Person:
    """Frame and IUV map (S, S, 3) uint8 of the person to animate.

    `photo` (H, W, 3) uint8 is the picture that the frame is a part of, as `geometry` says; None for a clip of the cache.
    `maps` is the file that the IUV map was read from, None where it was found or is that of the cache.
    """

    image: np.ndarray
    iuv: np.ndarray
    photo: np.ndarray | None = None
    geometry: Geometry | None = None
    maps: Path | None = None
    further: tuple["Person", ...] = ()


def load_person(text: str, iuv: Path | None, size: int, extraction: Extraction, framing: Framing = CROPPED) -> Person:
    """The first frame of a clip of the cache, or a picture as a square of side `size` with the IUV map in `iuv`, beside it, or from
    DensePose; of a picture the part that `framing` says. Raises InputError."""
    if place := cached_alone(text, iuv, "--source-iuv"):
        framing.refuse(text)
        with SplitReader(place[0]) as reader:
            return Person(reader.frames(place[1], 0), reader.iuv(place[1], 0))
    path = existing(text, "picture")
    pixels, whole = _read_photo(path)
    height, width = pixels.shape[:2]

    def squares(geometry: Geometry, numbers: np.ndarray) -> Iterator[np.ndarray]:
        yield geometry.image(pixels, VideoSettings().pad)

    footage = Footage(path, (width, height), np.zeros(1, np.int64), squares, "--source-iuv", "--person")
    found = iuv or picture_maps(path)
    if found is None:
        view = framed(footage, size, framing, extraction)
        (image,) = squares(view.geometry, footage.numbers)
        (found,) = extraction.find(path, footage.numbers, view.geometry, footage.iuv_flag, lambda: image[None], view.search)
        if found.iuv is None:
            raise InputError(f"{path}: nobody was found on this picture; choose another one, or give its IUV map with --source-iuv")
        return Person(image, found.iuv, pixels, view.geometry)
    person = _picture_iuv(found, extraction.settings.png_order)
    if person.shape[1::-1] not in ((width, height), whole):
        raise InputError(f"{found}: is {person.shape[1]}x{person.shape[0]}, but {path} is {whole[0]}x{whole[1]} pixels")
    if not person[..., 0].any():
        raise InputError(f"{found}: nobody is on this IUV map; choose a picture in which DensePose finds a person")

    def maps(numbers: np.ndarray, geometry: Geometry) -> Iterator[FrameMap]:
        box = None if geometry.whole else np.round(np.multiply(geometry.box, person.shape[1] / width))
        yield FrameMap(Geometry.from_box(*person.shape[1::-1], box, geometry.size).labels(person))

    geometry = framed_by(maps, footage, size, framing)
    (image,), (mapped,) = squares(geometry, footage.numbers), maps(footage.numbers, geometry)
    return Person(image, mapped.iuv, pixels, geometry, maps=found)


def _read_photo(path: Path) -> tuple[np.ndarray, tuple[int, int]]:
    """(H, W, 3) uint8 sRGB of a photo, at reduced scale if it is very large, and its full (width, height). Says what was converted."""
    with open_picture(path) as picture:
        pixels, said = picture.rgb(VideoSettings().pad, reduce=True), picture.conversions()
    if pixels.shape[:2] != picture.size[::-1]:
        said.append(f"{picture.size[0]}x{picture.size[1]} pixels opened at {pixels.shape[1]}x{pixels.shape[0]}")
    say(path, *said)
    return pixels, picture.size


def _picture_iuv(path: Path, png_order: str) -> np.ndarray:
    if path.suffix.lower() == ".png":
        return read_iuv_png(path, png_order)
    check_file(path, "file of IUV maps")
    side = SideFile(path)
    try:
        return side.read(0)
    finally:
        side.close()
