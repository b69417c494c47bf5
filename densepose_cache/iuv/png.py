"""IUV maps in PNG files, in the channel orders of other tools."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.errors import InputError
from ..storage.atomic import written_whole
from ..storage.image_file import load, open_image
from .maps import PARTS, check_iuv

PNG_SUFFIX = "_IUV.png"
"""End of the names of IUV pictures."""
ORDERS = ("VUI", "IUV")
"""Channel orders of IUV pictures as an RGB reader sees them."""
ORDER_KEYS = "the key densepose.png_order, or the option --order of import-iuv"
"""Where users say which one it is."""


def read_iuv_png(path: Path, order: str = "VUI") -> np.ndarray:
    """IUV map (H, W, 3) uint8 of a PNG whose channels an RGB reader sees in `order`: "VUI" (what OpenCV writes) or "IUV".

    Raises InputError if the file is missing, no 8-bit RGB picture, or holds I above 24; the message then says whether the other order fits.
    """
    pixels = _read_pixels(Path(path))
    iuv = np.ascontiguousarray(_reorder(pixels, order))
    highest, other = int(iuv[..., 0].max(initial=0)), int(iuv[..., 2].max(initial=0))
    if highest > PARTS:
        turned = order[::-1]
        advice = (
            f"its last channel in this order has no value above {other}: the file was probably written in order {turned}, set {ORDER_KEYS}"
            if other <= PARTS
            else "neither the first nor the last channel holds parts: it is no IUV map"
        )
        raise InputError(f"{path}: read as {order} the part index I is {highest}, but DensePose has parts 0..{PARTS}; {advice}")
    return check_iuv(iuv, path)


def find_png_order(paths: Iterable[Path]) -> str:
    """Channel order, "VUI" or "IUV", of IUV PNGs that one tool wrote: the one in which I is at most 24, as far as pictures must be read.

    Raises InputError if a picture is no IUV map in either order, or all of them could be either (then the order must be given).
    """
    path = None
    different = False
    for path in paths:
        pixels = _read_pixels(Path(path))
        first, last = pixels[..., 0], pixels[..., 2]
        fits = {"IUV": int(first.max(initial=0)) <= PARTS, "VUI": int(last.max(initial=0)) <= PARTS}
        if not any(fits.values()):
            raise InputError(f"{path}: neither the first nor the last channel holds parts 0..{PARTS}: it is no IUV map")
        if not all(fits.values()):
            return next(order for order, fit in fits.items() if fit)
        different = different or bool((first != last).any())
    if different:
        raise InputError(f"{Path(path).parent}: its IUV pictures could be in order VUI or IUV, both fit; set {ORDER_KEYS}")
    return "VUI"


def write_iuv_png(path: Path, iuv: np.ndarray, order: str = "VUI"):
    """Write the IUV map `iuv` (H, W, 3) uint8 as a PNG whose channels an RGB reader sees in `order`.

    Raises InputError as `check_iuv` does; no file is left behind then.
    """
    path = Path(path)
    pixels = np.ascontiguousarray(_reorder(check_iuv(iuv, path), order))
    with written_whole(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG")


def _read_pixels(path: Path) -> np.ndarray:
    with open_image(path, "IUV picture") as picture:
        mode, pixels = picture.mode, np.asarray(load(path, picture))
    if mode != "RGB":
        raise InputError(f"{path}: an IUV picture has three 8-bit channels (RGB), this one is {mode}")
    return pixels


def _reorder(pixels: np.ndarray, order: str) -> np.ndarray:
    if order not in ORDERS:
        raise InputError(f"order of IUV channels is {order!r}; it must be VUI or IUV")
    return pixels[..., ::-1] if order == "VUI" else pixels
