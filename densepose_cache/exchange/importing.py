"""Turn the maps that other tools wrote into a side file."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import h5py
import numpy as np

from ..config import DensePoseSettings
from ..core.errors import InputError
from ..core.progress import track
from ..densepose.backend import FrameMap
from ..densepose.person import Follower
from ..iuv.side_file import side_file_path, write_side_file
from .frames import Frames, look_at_frames
from .matching import match
from .pictures import INDS, IUV, Pictures

FORMATS = ("iuv-png", "densepose-png", "detectron2-dump")
"""Maps in PNGs; maps of several people in PNGs with person numbers beside them; a file that `apply_net.py dump` wrote."""
SCORE = DensePoseSettings.model_fields["score"].default


class ForeignMaps(Protocol):
    """Maps of another tool, by number in the natural order of the names of the pictures that they were made of."""

    names: list[str]

    def frame_size(self, frames: Frames) -> tuple[int, int]:
        """Width and height of the pictures of `frames` that the maps were made of: as shown or as coded."""

    def frame_map(self, number: int, height: int, width: int, follower: Follower) -> FrameMap:
        """Map number `number` on a frame of `height` x `width` pixels; `follower` tells who of several people is kept."""


@dataclass
class Report:
    """What an import found: numbers of `frames`, of those without a person, with several people, and with two equally good choices."""

    out: Path
    format: str
    frames: int = 0
    without: int = 0
    several: int = 0
    near_ties: int = 0

    def __str__(self) -> str:
        return (
            f"{self.out}: {self.frames} frames from {self.format}; {self.without} without a person (empty maps), {self.several} with "
            f"several people, {self.near_ties} where another one was nearly as good a choice"
        )


def import_iuv(
    maps: Path,
    video: Path,
    out: Path | None = None,
    format: str | None = None,
    order: str | None = None,
    score: float = SCORE,
    first: int | None = None,
    replace: bool = False,
) -> Report:
    """Write the side file `out` (by default beside `video`, a file or a folder of frames) with a map for every frame of `video`.

    `maps` is a folder or file of a format of `FORMATS`, None to recognise it. `order` is the channel order of PNGs as an RGB reader sees
    them, None to find it out. `score` is the least score of people in a dump, `first` the number of the first frame in the maps' names
    (`matching.match`). One person is followed over time; a frame without map or person gets an empty map. An `out` that exists is written
    anew only with `replace`. Raises InputError, which names the file, and leaves no new one, for maps that are missing, damaged, of another
    size or not to be matched to frames, and if nobody is on any of them.
    """
    out = side_file_path(video) if out is None else Path(out)
    if out.exists() and not replace:
        raise InputError(f"{out}: exists; give --replace to write it anew, or another file with --out")
    kind = recognise(Path(maps)) if format is None else format
    source = _open(Path(maps), kind, order, score)
    frames = look_at_frames(video)
    places = match(source.names, frames, maps, first)
    report = Report(out, kind)
    width, height = source.frame_size(frames)
    found = _found(source, places, (height, width), frames, report)
    write_side_file(out, found, (frames.count, height, width), imported_from=kind)
    return report


def recognise(maps: Path) -> str:
    """The format of a folder or file of maps. Raises InputError if it is none that is known."""
    if maps.is_dir():
        for suffix, kind in ((INDS, "densepose-png"), (IUV, "iuv-png")):
            if next(maps.glob(f"*{suffix}"), None):
                return kind
        raise InputError(f"{maps}: the folder holds no IUV pictures (*{IUV}); name the folder that holds them itself")
    if not maps.is_file():
        raise InputError(f"{maps}: no such folder or file of maps")
    if h5py.is_hdf5(maps):
        raise InputError(f"{maps}: is an HDF5 file; a side file needs no import, name it `{{video}}.iuv.h5` and put it beside its video")
    with maps.open("rb") as file:
        pickled = file.read(1) == b"\x80"
    if pickled or zipfile.is_zipfile(maps):
        return "detectron2-dump"
    raise InputError(f"{maps}: is no file that `apply_net.py dump` wrote; maps in PNGs are given by their folder")


def _open(maps: Path, kind: str, order: str | None, score: float) -> ForeignMaps:
    if kind == "detectron2-dump":
        from .dump import Dump

        return Dump(maps, score)
    if kind not in FORMATS:
        raise InputError(f"format {kind!r} is unknown; allowed: {', '.join(FORMATS)}")
    return Pictures(maps, order, people=kind == "densepose-png")


def _found(source: ForeignMaps, places: list[int | None], size: tuple[int, int], frames: Frames, report: Report) -> Iterator[np.ndarray]:
    """Yield the map (H, W, 3) of every frame, of `size` (H, W), and count in `report` what is on them."""
    follower = Follower(1)
    for place in track(places, "Import maps"):
        found = FrameMap(None) if place is None else source.frame_map(place, *size, follower)
        if place is None:
            follower.choose(np.zeros((0, 4)), np.zeros(0))
        report.frames += 1
        report.without += found.iuv is None
        report.several += found.people > 1
        report.near_ties += found.near_tie
        yield np.zeros((*size, 3), np.uint8) if found.iuv is None else found.iuv
    if report.without == report.frames:
        raise InputError(f"{frames.path}: nobody is on any of the {report.frames} maps; are they this video's, and is --score too high?")
