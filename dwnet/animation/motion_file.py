"""Motion files: what a video moves like, without its pixels, to be used again and again.

Datasets: `iuv` (T, S, S, 3) uint8, a chunk a frame, compressed by a filter of hdf5plugin; `repeats` (T,) int64, how often each is shown;
`held` (T,) bool, where nobody was found and another map stands in; `score` (T,) float32 in [0, 1], NaN where there is none; `box` (T, 4)
float32, left, top, right, bottom of the body in pixels, 0 without one. Attributes: `kind`, `format`, `fps`, `source` (JSON: name and
SHA-256 of the video), `geometry` (JSON: width and height of its frames, the box that was cut out of them, `size`).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401 - registers its filters with HDF5
import numpy as np

from densepose_cache.core.errors import InputError
from densepose_cache.core.progress import Bar
from densepose_cache.iuv import check_iuv
from densepose_cache.storage.atomic import written_whole
from densepose_cache.storage.digest import canonical_json, file_sha256
from densepose_cache.storage.hdf5 import Hdf5File
from densepose_cache.storage.row_delta import frame_options

from .motion import DrivingFrame, Motion, Wanted, paced_motion
from .pace import Pace, paced

KIND, FORMAT = "dwnet motion", 1
AGAIN = "write it again with `dwnet motion`"


def write_motion(path: Path, motion: Motion, source: Path):
    """Write `motion`, that of the video or folder `source`, to the file `path`, whole or not at all. Raises what reading it raises."""
    length, size = len(motion), motion.size
    with written_whole(path) as temporary, Hdf5File(temporary, libver=None) as file, Bar("motion", length, unit="frames") as bar:
        file.attrs.update({"kind": KIND, "format": FORMAT, "fps": motion.fps})
        file.attrs["source"] = canonical_json({"name": source.name, "sha256": file_sha256(source)})
        if motion.geometry:
            file.attrs["geometry"] = motion.geometry.to_json()
        maps = file.create_dataset("iuv", (length, size, size, 3), np.uint8, **frame_options((size, size, 3)))
        held, score, box = np.zeros(length, bool), np.full(length, np.nan, np.float32), np.zeros((length, 4), np.float32)
        for number, driving in enumerate(motion.read()):
            maps[number], held[number], score[number] = driving.iuv, driving.held, driving.score
            box[number] = body_box(driving.iuv)
            file.check()
            bar.advance()
        for name, values in {"repeats": motion.repeats, "held": held, "score": score, "box": box}.items():
            file.create_dataset(name, data=values, fletcher32=True)


def body_box(iuv: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in pixels of the body on an IUV map (S, S, 3) uint8; zeros if there is none."""
    body = iuv[..., 0] > 0
    rows, columns = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    return (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if len(rows) else (0, 0, 0, 0)


def read_motion(path: Path, wanted: Wanted) -> Motion:
    """The motion of a file, without frames; in squares of another side than its own every pixel takes the nearest.

    Raises InputError if it is no motion file, or damaged; the latter perhaps not before it is read.
    """
    with _opened(path) as file:
        shape, own, repeats = file["iuv"].shape, float(file.attrs["fps"]), file["repeats"][:]
    shown = np.repeat(np.arange(shape[0]), repeats)
    size, pace = wanted.size, paced(np.arange(len(shown)) / own, own, wanted.fps).between(wanted.start, wanted.end)
    pixels = (2 * np.arange(size) + 1) * shape[1] // (2 * size)

    def driving(numbers: np.ndarray) -> Iterator[DrivingFrame]:
        with _opened(path) as file:
            for number in numbers.tolist():
                try:
                    iuv = check_iuv(file["iuv"][number], f"{path} frame {number}")
                    held, score = bool(file["held"][number]), float(file["score"][number])
                except OSError as error:
                    raise InputError(f"{path}: frame {number} is damaged ({error}); {AGAIN}") from None
                yield DrivingFrame(iuv if size == shape[1] else iuv[pixels[:, None], pixels], None, held, score)

    def read(pace: Pace) -> Iterator[DrivingFrame]:
        return driving(pace.shown)

    def look(numbers: np.ndarray) -> Iterator[np.ndarray | None]:
        return (None if found.held else found.iuv for found in driving(numbers))

    return paced_motion(size, False, Pace(shown[pace.numbers], pace.fps), read, look)


def _opened(path: Path) -> h5py.File:
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(f"{path}: cannot be read as HDF5 ({error}); {AGAIN}") from None
    if (file.attrs.get("kind"), file.attrs.get("format")) == (KIND, FORMAT) and {"iuv", "repeats", "held", "score"} <= set(file):
        return file
    found = file.attrs.get("kind"), file.attrs.get("format")
    file.close()
    if found[0] == KIND:
        raise InputError(f"{path}: is a motion file of format {found[1]}, but format {FORMAT} is needed; {AGAIN}")
    raise InputError(f"{path}: is no motion file; {AGAIN}")


def source_of(path: Path) -> dict[str, str]:
    """Name and SHA-256 of the video that a motion file was made of."""
    with _opened(path) as file:
        return json.loads(file.attrs["source"])
