"""Write side files: the IUV maps of one video, and keypoints where they are known exactly."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..cache.shard import COMPRESSION
from ..core.coco import JOINTS
from ..storage.atomic import written_whole
from ..storage.hdf5 import Hdf5File
from ..storage.names import is_there

SUFFIX = ".iuv.h5"


def side_file_path(video: Path) -> Path:
    """Where the side file of a video or of a folder of frames lies: `{name without suffix}.iuv.h5` beside it."""
    video = Path(video) if Path(video).name else Path(video).absolute()
    return video.with_name((video.name if video.is_dir() else video.stem) + SUFFIX)


def side_file(video: Path) -> str:
    """The path of the side file of a video or a folder of frames as the clip table has it, "" if there is none.

    Raises InputError if it is a link whose target is not there.
    """
    path = side_file_path(video)
    return str(path) if is_there(path) and path.is_file() else ""


def write_side_file(path: Path, maps: Iterable[np.ndarray], shape: tuple[int, int, int], keypoints: np.ndarray | None = None, **attributes):
    """Write the side file `path`, whole or not at all: root dataset `iuv` (T, H, W, 3) uint8 and, if given, `keypoints` (T, 17, 3) float32.

    `maps` are T arrays (H, W, 3) uint8 in I, U, V order, taken one at a time; `shape` is (T, H, W). A chunk is a frame, compressed as in
    shards. `attributes` (numbers, text) become attributes of the file. What `maps` raises is passed on and leaves no file.
    """
    with written_whole(path) as temporary, Hdf5File(temporary, libver=None) as file:
        file.attrs.update(attributes)
        frame = (*shape[1:], 3)
        iuv = file.create_dataset("iuv", (shape[0], *frame), np.uint8, chunks=(1, *frame), compression=COMPRESSION, fletcher32=True)
        for number, found in zip(range(shape[0]), maps, strict=True):
            iuv[number] = found
            file.check()
        if keypoints is not None:
            file.create_dataset("keypoints", data=keypoints.astype(np.float32))
            file["keypoints"].attrs["names"] = list(JOINTS)
