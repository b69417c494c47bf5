"""IUV maps from files: a side file `.iuv.h5`, or a folder of IUV PNGs with one for every frame of the source."""

import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers its filters with HDF5
import numpy as np
from natsort import natsorted

from ...cache.quarantine import blamed_on_clip
from ...clips import Clip
from ...core.coco import JOINTS
from ...core.errors import ClipError, InputError
from ...iuv import PNG_SUFFIX, check_iuv, read_iuv_png
from ...storage.digest import file_sha256
from ...video import frame_files, frame_times, probe
from ...video.coded import stretched, stretched_points
from ..backend import ClipFrames, FrameMap


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

    def fingerprint(self, clip: Clip) -> dict:
        """Digest of the files and, for PNGs, the order of their channels. Raises InputError if the files are gone."""
        if not clip.iuv:
            return {"backend": self.name, "iuv": ""}
        if not clip.iuv.exists():
            raise InputError(f"{clip.iuv}: the IUV maps of clip {clip.name} are missing; bring them back, or build the clip table again")
        order = {"png_order": self.png_order} if clip.iuv.is_dir() else {}
        return {"backend": self.name, "iuv": clip.iuv_sha256 or file_sha256(clip.iuv), **order}

    def maps(self, frames: ClipFrames) -> Iterator[FrameMap]:
        """Yield the map of every frame.

        Raises ClipError if the clip has no maps, or they are damaged or differ from the source's frames in number or size.
        """
        with self._opened(frames) as source:
            for number in frames.source_frame:
                iuv = self._square(frames, source, int(number))
                yield FrameMap(iuv, people=1) if iuv[..., 0].any() else FrameMap(None)

    def keypoints(self, frames: ClipFrames) -> np.ndarray | None:
        """Keypoints of the side file, moved to the square frames."""
        with self._opened(frames) as source:
            points = source.keypoints()
            if points is None:
                return None
            points, shown = points[frames.source_frame], (frames.geometry.width, frames.geometry.height)
            if source.size != shown and source.size == _coded_size(frames):
                points = stretched_points(points, source.size, shown)
        return frames.geometry.points(points)

    @contextlib.contextmanager
    def _opened(self, frames: ClipFrames) -> Iterator[SideFile | PngFolder]:
        clip = frames.clip
        if clip.iuv is None:
            raise ClipError(
                f"clip {clip.name} has no IUV maps: its column `iuv` is empty; put `{clip.video.stem}.iuv.h5` beside {clip.video} and "
                "build the clip table again, or set densepose.backend to rcnn or embedded"
            )
        with blamed_on_clip(clip.iuv, clip.video), contextlib.closing(self._open(clip.iuv, clip.video)) as source:
            yield source

    def _open(self, iuv: Path, video: Path) -> SideFile | PngFolder:
        source = PngFolder(iuv, self.png_order) if iuv.is_dir() else SideFile(iuv)
        count = _source_length(video)
        if (found := len(source)) != count:
            source.close()
            raise InputError(f"{iuv}: holds {found} IUV maps, but {video} has {count} frames; there must be one for every frame")
        return source

    @staticmethod
    def _square(frames: ClipFrames, source: SideFile | PngFolder, number: int) -> np.ndarray:
        iuv = source.read(number)
        size, shown = iuv.shape[1::-1], (frames.geometry.width, frames.geometry.height)
        if size != shown and size == _coded_size(frames):
            iuv, size = stretched(iuv, shown), shown
        if size != shown:
            raise InputError(
                f"{source.name(number)}: the IUV map is {size[0]}x{size[1]} pixels, but the frames of {frames.clip.video} are "
                f"{shown[0]}x{shown[1]}"
            )
        return frames.geometry.labels(iuv)


def _coded_size(frames: ClipFrames) -> tuple[int, int]:
    """Width and height of the frames as they are stored, turned as they are shown."""
    video = frames.clip.video
    return (frames.geometry.width, frames.geometry.height) if video.is_dir() else _probed_size(video)


@functools.lru_cache(maxsize=1)
def _probed_size(video: Path) -> tuple[int, int]:
    return probe(video).coded


def _source_length(video: Path) -> int:
    """Number of frames of a video file or of a folder of frames."""
    return len(frame_files(video)) if video.is_dir() else len(frame_times(video).seconds)
