"""IUV maps: (H, W, 3) uint8, channels I (part, 0..24, 0 = background), U and V (chart coordinates, 0..255).

Files that other tools wrote are converted here, once; everything behind this module has channels in I, U, V order and U = V = 0 on the
background.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from .errors import InputError
from .storage.image_file import load, open_image
from .whole import written_whole

PARTS = 24
"""Number of body parts of the DensePose chart."""

ORDERS = ("VUI", "IUV")
"""Channel orders of IUV pictures as an RGB reader sees them."""
ORDER_KEYS = "the key densepose.png_order, or the option --order of import-iuv"
"""Where users say which one it is."""

PART_NAMES = (
    "background",
    "torso back",
    "torso front",
    "right hand",
    "left hand",
    "left foot",
    "right foot",
    "upper leg right 7",
    "upper leg left 8",
    "upper leg right 9",
    "upper leg left 10",
    "lower leg right 11",
    "lower leg left 12",
    "lower leg right 13",
    "lower leg left 14",
    "upper arm left 15",
    "upper arm right 16",
    "upper arm left 17",
    "upper arm right 18",
    "lower arm left 19",
    "lower arm right 20",
    "lower arm left 21",
    "lower arm right 22",
    "head right",
    "head left",
)
"""Name of every value of I; the two charts of a limb carry their number."""


def check_iuv(iuv: np.ndarray, name: object) -> np.ndarray:
    """The maps `iuv` (..., 3) uint8 in I, U, V order, with U and V of background pixels set to 0.

    Raises InputError, which names `name`, if the array is no uint8 map of three channels or holds I above 24.
    """
    if iuv.dtype != np.uint8 or iuv.ndim < 3 or iuv.shape[-1] != 3:
        raise InputError(f"{name}: an IUV map is uint8 with three channels, this is {iuv.dtype} of shape {iuv.shape}")
    parts = iuv[..., 0]
    highest = int(parts.max(initial=0))
    if highest > PARTS:
        raise InputError(
            f"{name}: the part index I is {highest}, but DensePose has parts 0..{PARTS}; this is no IUV map, "
            "or its channels are not in the order I, U, V"
        )
    return iuv * (parts > 0)[..., None].astype(np.uint8) if iuv[parts == 0].any() else iuv


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
