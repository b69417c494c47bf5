"""How the frames of a picture or a video become squares that show one person."""

from typing import NamedTuple

from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.search import USUAL, Search, Start, finer_for

from ..extraction import Extraction
from ..inputs import say
from .choice import Framing
from .footage import Footage, to_square
from .look import Maps, Sight, look, look_at_maps, tall
from .square import square, union


class Framed(NamedTuple):
    """`geometry` makes the squares, the same for every frame; `search` is how the person is found on them."""

    geometry: Geometry
    search: Search


def framed(footage: Footage, size: int, framing: Framing, extraction: Extraction) -> Framed:
    """Squares of side `size` that show the person whom DensePose finds. Says which one and where, if that is no matter of course.

    Raises InputError if nobody is there, or not the one who is asked for.
    """
    if not framing.crop and framing.choice is None:
        return Framed(footage.whole(size), USUAL)
    sight = look(footage, framing.choice, extraction)
    geometry = _geometry(footage, sight, size, framing)
    start = sight.start and Start(sight.start.frame, tuple(to_square(sight.start.box, geometry).tolist()))
    return Framed(geometry, Search(finer_for(tall(sight.boxes) / geometry.side, extraction.needed), start))


def framed_by(maps: Maps, footage: Footage, size: int, framing: Framing) -> Geometry:
    """As `framed`, of footage with IUV maps of its own: `maps(numbers, geometry)` yields some, moved by the geometry. Raises InputError if
    nobody is on them, or somebody is asked for, since they say who it is."""
    if framing.choice:
        raise InputError(f"{footage.path}: its IUV maps say who moves; leave out {framing.choice.flag}, or move the maps away")
    if not framing.crop:
        return footage.whole(size)
    return _geometry(footage, look_at_maps(maps, footage), size, framing)


def _geometry(footage: Footage, sight: Sight, size: int, framing: Framing) -> Geometry:
    box = (framing.box or square(union(sight.boxes), footage.shape)) if framing.crop else None
    width, height = footage.shape
    around = "the person and the motion" if framing.box else "the person"
    place = box and f"cropped to {'-'.join(map(str, box))} of {width}x{height} pixels, around {around} (--crop off takes all)"
    say(footage.path, sight.words, place)
    return Geometry.from_box(width, height, box, size)
