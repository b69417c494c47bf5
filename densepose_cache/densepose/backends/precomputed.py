"""IUV maps from files: a side file `.iuv.h5`, or a folder of IUV PNGs with one for every frame of the source."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import hdf5plugin  # noqa: F401 - registers its filters with HDF5
import numpy as np
from natsort import natsorted

from ...cache.quarantine import blamed_on_clip
from ...core.coco import JOINTS
from ...core.errors import ClipError, InputError
from ...iuv import check_iuv, read_iuv_png
from ...storage.digest import file_sha256
from ...video import frame_files, frame_times, probe
from ...video.coded import stretched, stretched_points
from ..backend import ClipFrames, FrameMap

PNG_SUFFIX = "_IUV.png"


class SideFile:
    """Maps of an HDF5 file with root datasets `iuv` (T, H, W, 3) uint8 and optionally `keypoints` (T, 17, 3) float32."""

    def __init__(self, path: Path):
        self.path = path
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise InputError(f"{path}: cannot be read as HDF5 ({error}); write the side file again") from None
        try:
            self._check()
        except InputError:
            self._file.close()
            raise

    def _check(self):
        iuv = self._file.get("iuv")
        if not isinstance(iuv, h5py.Dataset) or iuv.dtype != np.uint8 or iuv.ndim != 4 or iuv.shape[3] != 3:
            raise InputError(f"{self.path}: is no IUV side file; it needs a dataset `iuv` (frames, height, width, 3) of uint8")
        points = self._file.get("keypoints")
        if points is not None and points.shape != (len(iuv), len(JOINTS), 3):
            raise InputError(
                f"{self.path}: `keypoints` is {points.shape}, but `iuv` has {len(iuv)} frames: {(len(iuv), len(JOINTS), 3)} is needed"
            )

    def __len__(self) -> int:
        return len(self._file["iuv"])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the maps."""
        return self._file["iuv"].shape[2], self._file["iuv"].shape[1]

    def read(self, number: int) -> np.ndarray:
        """IUV map (H, W, 3) of source frame `number`."""
        try:
            return check_iuv(self._file["iuv"][number], self.name(number))
        except OSError as error:
            raise InputError(f"{self.name(number)} is damaged ({error}); write the side file again") from None

    def name(self, number: int) -> str:
        """What messages call the map of source frame `number`."""
        return f"{self.path} frame {number}"

    def keypoints(self) -> np.ndarray | None:
        """(T, 17, 3) float32 in pixels of the source, or None."""
        if "keypoints" not in self._file:
            return None
        try:
            return self._file["keypoints"][:].astype(np.float32)
        except OSError as error:
            raise InputError(f"{self.path}: `keypoints` is damaged ({error}); write the side file again") from None

    def close(self):
        self._file.close()


class PngFolder:
    """Maps of a folder of `*_IUV.png` in natural order; `order` is that of their channels."""

    def __init__(self, path: Path, order: str):
        self.path, self.order = path, order
        self._files = natsorted(path.glob(f"*{PNG_SUFFIX}"), key=lambda file: file.name)
        if not self._files:
            raise InputError(f"{path}: the folder holds no IUV pictures (*{PNG_SUFFIX})")

    def __len__(self) -> int:
        return len(self._files)

    def read(self, number: int) -> np.ndarray:
        """IUV map (H, W, 3) of source frame `number`."""
        return read_iuv_png(self._files[number], self.order)

    def name(self, number: int) -> str:
        """What messages call the map of source frame `number`."""
        return str(self._files[number])

    def keypoints(self) -> None:
        """PNG folders have no keypoints."""

    def close(self):
        """Nothing is open."""


class Precomputed:
    """Backend that reads what the column `iuv` of the clip table names. A map without one body pixel counts as nobody found.

    Of a video whose pixels are not square, maps of the pixels as shown and of those that are stored are both taken.
    Nothing is known of other people on the frames; scores are NaN.
    """

    name = "precomputed"

    def __init__(self, png_order: str):
        self.png_order = png_order

    def fingerprint(self, row: NamedTuple) -> dict:
        """Digest of the files and, for PNGs, the order of their channels. Raises InputError if the files are gone."""
        if not row.iuv:
            return {"backend": self.name, "iuv": ""}
        path = Path(row.iuv)
        if not path.exists():
            raise InputError(f"{path}: the IUV maps of clip {row.clip} are missing; bring them back, or build the clip table again")
        order = {"png_order": self.png_order} if path.is_dir() else {}
        return {"backend": self.name, "iuv": row.iuv_sha256 or file_sha256(path), **order}

    def maps(self, clip: ClipFrames) -> Iterator[FrameMap]:
        """Yield the map of every frame.

        Raises ClipError if the clip has no maps, or they are damaged or differ from the source's frames in number or size.
        """
        with self._opened(clip) as source:
            for number in clip.source_frame:
                iuv = self._square(clip, source, int(number))
                yield FrameMap(iuv, people=1) if iuv[..., 0].any() else FrameMap(None)

    def keypoints(self, clip: ClipFrames) -> np.ndarray | None:
        """Keypoints of the side file, moved to the square frames."""
        with self._opened(clip) as source:
            points = source.keypoints()
            if points is None:
                return None
            points, shown = points[clip.source_frame], (clip.geometry.width, clip.geometry.height)
            if source.size != shown and source.size == _coded_size(clip):
                points = stretched_points(points, source.size, shown)
        return clip.geometry.points(points)

    @contextlib.contextmanager
    def _opened(self, clip: ClipFrames) -> Iterator[SideFile | PngFolder]:
        with blamed_on_clip(clip.row.iuv, clip.row.video), contextlib.closing(self._open(clip)) as source:
            yield source

    def _open(self, clip: ClipFrames) -> SideFile | PngFolder:
        if not clip.row.iuv:
            video = Path(clip.row.video)
            raise ClipError(
                f"clip {clip.row.clip} has no IUV maps: its column `iuv` is empty; put `{video.stem}.iuv.h5` beside {video} and build the "
                "clip table again, or set densepose.backend to rcnn or embedded"
            )
        path = Path(clip.row.iuv)
        source = PngFolder(path, self.png_order) if path.is_dir() else SideFile(path)
        count = _source_length(Path(clip.row.video))
        if (found := len(source)) != count:
            source.close()
            raise InputError(f"{path}: holds {found} IUV maps, but {clip.row.video} has {count} frames; there must be one for every frame")
        return source

    @staticmethod
    def _square(clip: ClipFrames, source: SideFile | PngFolder, number: int) -> np.ndarray:
        iuv = source.read(number)
        size, shown = iuv.shape[1::-1], (clip.geometry.width, clip.geometry.height)
        if size != shown and size == _coded_size(clip):
            iuv, size = stretched(iuv, shown), shown
        if size != shown:
            raise InputError(
                f"{source.name(number)}: the IUV map is {size[0]}x{size[1]} pixels, but the frames of {clip.row.video} are "
                f"{shown[0]}x{shown[1]}"
            )
        return clip.geometry.labels(iuv)


def _coded_size(clip: ClipFrames) -> tuple[int, int]:
    """Width and height of the frames as they are stored, turned as they are shown."""
    video = Path(clip.row.video)
    return (clip.geometry.width, clip.geometry.height) if video.is_dir() else _probed_size(video)


@functools.lru_cache(maxsize=1)
def _probed_size(video: Path) -> tuple[int, int]:
    return probe(video).coded


def _source_length(video: Path) -> int:
    """Number of frames of a video file or of a folder of frames."""
    return len(frame_files(video)) if video.is_dir() else len(frame_times(video).seconds)
