"""Clips whose maps can be exported: of an index, of a shard of IUV maps, or of a side file."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from ..cache.index import read_index
from ..cache.shard import open_shard, shard_name
from ..cache.stack import Stack
from ..clips.table import NAME, clip_name
from ..core.errors import InputError
from ..densepose.backends.precomputed import SideFile
from ..iuv import check_iuv
from ..iuv.side_file import SUFFIX
from ..video import read_folder, read_frames
from ..video.files import is_video


@dataclass(frozen=True)
class MappedClip:
    """A clip to export: its `length` in frames, `split` and `fps` where they are known, and where its maps and frames are read.

    A `frame_source` that is text says that there are no frames, and why.
    """

    name: str
    length: int
    split: str | None
    fps: float | None
    map_source: Stack | SideFile
    frame_source: Stack | Path | str

    def maps(self) -> Iterator[np.ndarray]:
        """Yield the IUV maps (H, W, 3) uint8, channels I, U, V. Raises InputError if one is damaged."""
        for number in range(self.length):
            if isinstance(self.map_source, SideFile):
                yield self.map_source.read(number)
            else:
                yield check_iuv(self._read(self.map_source, number), f"{self.name} frame {number}")

    def frames(self) -> Iterator[np.ndarray]:
        """Yield the RGB frames (H, W, 3) uint8. Raises InputError, which says where they would have to be, if there are none."""
        if isinstance(self.frame_source, str):
            raise InputError(self.frame_source)
        if isinstance(self.frame_source, Stack):
            yield from (self._read(self.frame_source, number) for number in range(self.length))
        else:
            yield from read_folder(self.frame_source) if self.frame_source.is_dir() else read_frames(self.frame_source)

    def _read(self, stack: Stack, number: int) -> np.ndarray:
        try:
            return stack[number]
        except OSError as error:
            raise InputError(f"{stack.path}: clip {self.name}: frame {number} is damaged ({error}); run the workflow again") from None


@contextlib.contextmanager
def open_clips(path: Path, wanted: list[str] | None = None) -> Iterator[list[MappedClip]]:
    """Context manager: the clips of an index (`train.h5`), of a shard (`iuv/000.h5`) or of a side file; of these only `wanted`, if given.

    Frames come from the index, from the shard of the same name in `frames/` beside `iuv/`, or from the video or folder beside a side file.
    Raises InputError if the file is missing or something else, or lacks a clip that is wanted.
    """
    path = Path(path)
    with contextlib.ExitStack() as stack:
        clips = _clips(path, stack)
        by_name = {clip.name: clip for clip in clips}
        unknown = [name for name in wanted or [] if name not in by_name]
        if unknown:
            raise InputError(f"{path}: holds no clip {unknown[0]}; it has {', '.join(sorted(by_name)[:5]) or 'none'} ...")
        if not clips:
            raise InputError(f"{path}: holds no clip with maps")
        yield [by_name[name] for name in dict.fromkeys(wanted)] if wanted else clips


def _clips(path: Path, stack: contextlib.ExitStack) -> list[MappedClip]:
    stage = _stage(path)
    if stage == "index":
        index, file = read_index(path), stack.enter_context(open_shard(path, "index"))
        places = zip(index.names, map(shard_name, index.shard.tolist()), strict=True)
        return [_cached(path, name, lambda kind, at=f"{shard}/{name}": file[kind][at], index.split) for name, shard in places]
    if stage == "densepose":
        file = stack.enter_context(open_shard(path, "densepose"))
        beside = path.parent.parent / "frames" / path.name
        frames = stack.enter_context(open_shard(beside, "decode")) if beside.is_file() else {}
        groups = {
            name: {"iuv": file[name], "frames": frames.get(name, f"{beside}: the frames of clip {name} are not there")} for name in file
        }
        with_maps = {name: group for name, group in groups.items() if "iuv" in group["iuv"]}
        return [_cached(path, name, group.__getitem__, str(group["iuv"].attrs["split"])) for name, group in with_maps.items()]
    if stage is not None:
        raise InputError(f"{path}: is a shard of the stage {stage}, which holds no maps; name an index or a shard in iuv/")
    side = stack.enter_context(contextlib.closing(SideFile(path)))
    name = path.name.removesuffix(SUFFIX).removesuffix(".h5")
    return [MappedClip(clip_name(name), len(side), None, None, side, _beside(path, name))]


def _stage(path: Path) -> str | None:
    """Stage of a file of the cache, None for another HDF5 file."""
    if not path.is_file():
        raise InputError(f"{path}: no such index, shard or side file")
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("stage")
    except OSError as error:
        raise InputError(f"{path}: cannot be read as HDF5 ({error}); name an index, a shard in iuv/ or a side file") from None


def _cached(path: Path, name: str, group: Callable[[str], h5py.Group | str], split: str) -> MappedClip:
    """The clip `name` of the cache; `group` gives its groups `iuv` and `frames`, or in place of the latter why it is missing."""
    if not NAME.fullmatch(name):
        raise InputError(f"{path}: {name!r} is no clip name; build the cache again")
    try:
        maps, pictures = Stack(group("iuv")["iuv"]), group("frames")
        rgb = pictures if isinstance(pictures, str) else Stack(pictures["rgb"])
    except (KeyError, OSError) as error:
        raise InputError(f"{path}: clip {name} cannot be read from its shard ({error}); run the workflow again") from None
    return MappedClip(name, len(maps), split, None if rgb is pictures else float(pictures.attrs["fps"]), maps, rgb)


def _beside(path: Path, name: str) -> Path | str:
    """The video or folder of frames that the side file `path` lies beside, or a sentence that says that there is none."""
    folder = path.parent / name
    if folder.is_dir():
        return folder
    beside = sorted(file for file in path.parent.iterdir() if file.stem == name and file.is_file())
    return next(filter(is_video, beside), f"{path}: no video or folder {name} lies beside it to take the frames from")
