"""IUV maps in folders of PNGs: one person's (`*_IUV.png`), or several people's with `*_INDS.png` beside them.

DensePose's first tool (Caffe2) writes all people of a picture into one IUV map and the number of the person at each pixel into INDS. People
are numbered by rising score from 0, so the least certain one has the number of the background: a person's pixels are those of his number
that are body in the IUV map.
"""

from pathlib import Path

import numpy as np
from natsort import natsorted

from ..core.errors import InputError
from ..densepose.backend import FrameMap
from ..densepose.person import Follower
from ..iuv import PNG_SUFFIX as IUV
from ..iuv import find_png_order, read_iuv_png
from ..storage.image_file import load, open_image
from ..video.picture import picture_size
from .frames import Frames

INDS = "_INDS.png"


class Pictures:
    """Maps of a folder of `*_IUV.png`; `order` is the order of their channels as an RGB reader sees them, None to find it out.

    With `people` every map has an `*_INDS.png` beside it and one person is kept. `names` are the names before `_IUV.png`, in natural order.
    Raises InputError if the folder holds no maps or an INDS picture is missing.
    """

    def __init__(self, folder: Path, order: str | None = None, people: bool = False):
        self.folder = Path(folder)
        self._files = natsorted(self.folder.glob(f"*{IUV}"), key=lambda file: file.name)
        if not self._files:
            raise InputError(f"{folder}: the folder holds no IUV pictures (*{IUV})")
        self.names = [file.name.removesuffix(IUV) for file in self._files]
        self._people = people
        missing = [name for name in self.names if people and not self._inds(name).is_file()]
        if missing:
            raise InputError(
                f"{self._inds(missing[0])}: missing, but {missing[0]}{IUV} is there; copy it again, or import with --format iuv-png"
            )
        self.order = find_png_order(self._files) if order is None else order

    def frame_size(self, frames: Frames) -> tuple[int, int]:
        """The size of the frames as they are stored if the first map has it, else as shown."""
        return frames.stored if picture_size(self._files[0]) == frames.stored else (frames.width, frames.height)

    def frame_map(self, number: int, height: int, width: int, follower: Follower) -> FrameMap:
        """Map number `number`, for a frame of `height` x `width` pixels. Raises InputError if it is of another size or no IUV map."""
        path = self._files[number]
        iuv = read_iuv_png(path, self.order)
        _check_size(path, iuv, height, width)
        if not self._people:
            return FrameMap(iuv, people=1) if iuv[..., 0].any() else FrameMap(None)
        path = self._inds(self.names[number])
        inds = _read_inds(path)
        _check_size(path, inds, height, width)
        body = iuv[..., 0] > 0
        found = np.unique(inds[body])
        masks = [body & (inds == person) for person in found]
        boxes = np.array([_box(mask) for mask in masks], float).reshape(-1, 4)
        scores = np.array([mask.mean() for mask in masks])
        choice = follower.choose(boxes / [width, height, width, height], scores)
        if choice.person is None:
            return FrameMap(None, people=choice.people)
        return FrameMap(iuv * masks[choice.person][..., None], people=choice.people, near_tie=choice.near_tie)

    def _inds(self, name: str) -> Path:
        return self.folder / f"{name}{INDS}"


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the pixels of `mask` (H, W) bool; the last two are not included."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def _read_inds(path: Path) -> np.ndarray:
    with open_image(path, "picture of person numbers") as picture:
        mode, pixels = picture.mode, np.asarray(load(path, picture))
    if mode != "L":
        raise InputError(f"{path}: person numbers are one 8-bit channel (L), this picture is {mode}")
    return pixels


def _check_size(path: Path, pixels: np.ndarray, height: int, width: int):
    if pixels.shape[:2] != (height, width):
        raise InputError(
            f"{path}: is {pixels.shape[1]}x{pixels.shape[0]} but the frames are {width}x{height} pixels; name the video or folder that the "
            "maps were made of"
        )
