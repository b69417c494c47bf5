"""HDF5 shards: written whole or not at all, rebuilt clip by clip, and told from damaged ones.

A shard holds one group per clip, and every group the digest of all that it was made from. A writer works under a temporary name and renames
when everything is flushed, so a shard that exists is whole. It also keeps the shard (see `storage.reuse`): the next writer takes over every
clip whose digest has not changed, compressed bytes and all.

A change of any byte shows: HDF5 has a checksum in its structures (see `hdf5_file`) and in every chunk (Fletcher-32), and looks at both
whenever it reads; a grid's bytes have one of their own (see `warp.codec`); and every clip and the shard have one of all that they hold (see
`checksum`), at which `inspect` looks, each stage before it works on a clip of the stage before, and the writer before it takes a clip over.
"""

import contextlib
import hashlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from ..config import FILE_FORMATS
from ..config.formats import FILTERED
from ..core.errors import InputError
from ..core.versions import installed_versions
from ..storage.atomic import flush_to_disk, only_writer, room_for, temporary_name
from ..storage.checksum import UNREADABLE, damage, seal
from ..storage.digest import canonical_json
from ..storage.hdf5 import Hdf5File
from ..storage.names import output_path
from ..storage.reuse import keep, kept
from ..storage.row_delta import frame_options, less_row_above

COMPRESSION = hdf5plugin.Zstd(clevel=3)
"""Of frames and maps outside of shards (inside: see `row_delta`), never without `fletcher32`: the filter makes garbage of damaged chunks
without a word. Blosc2 with the same codec took 2 to 6 times as long to read them back: it cuts a chunk of four dimensions into small
boxes."""
FOLDERS = {"frames": "decode", "iuv": "densepose", "warps": "warp"}
"""Folder of shards, and link in the index, by the stage that writes them, in this order."""
SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""What HDF5 files begin with."""
TOOLS = ("numpy", "h5py", "hdf5plugin", "scikit-learn", "av", "imageio-ffmpeg", "torch")


def bucket(clip: str, shards: int) -> int:
    """Number in 0..shards-1 of the shard that holds `clip`; depends on the name alone."""
    return int.from_bytes(hashlib.sha256(clip.encode()).digest()[:8], "big") % shards


def shard_name(number: int) -> str:
    """File stem of shard `number`: at least three digits."""
    return f"{number:03d}"


def tool_versions() -> dict[str, str]:
    """Versions of Python and of the installed tools that can change a result."""
    return installed_versions(TOOLS)


def again(path: Path, stage: str) -> str:
    """What to do about a damaged file of `stage`, for the end of a message; clips that are whole are taken over then."""
    name = shlex.quote(str(path))
    return f"delete it and run the `{stage}` stage again: rm {name} && snakemake --cores all {name}"


def instead(stage: str) -> str:
    """What to do about a file that is none of `stage` but perhaps someone's own, for the end of a message."""
    folder = next((folder for folder, writer in FOLDERS.items() if writer == stage), None)
    wanted = f"a shard of {folder}/" if folder else "train.h5 or test.h5 of a cache"
    return f"give {wanted}; if it should be one, move it away and run the `{stage}` stage again"


def mending(path: Path, stage: str, found: str | None) -> str:
    """`again` for a file whose stage is `found`, if it is one of `stage` or, without a stage, stands in its place; else `instead`."""
    place = Path(path).absolute()
    nameless = found is None and place.stem.isdigit() and FOLDERS.get(place.parent.name) == stage
    return again(path, stage) if found == stage or nameless else instead(stage)


def breaks_off(path: Path) -> bool:
    """Whether a file that cannot be read as HDF5 begins as one, or is empty. Raises InputError where the system refuses to read it."""
    try:
        with Path(path).open("rb") as file:
            return SIGNATURE.startswith(file.read(len(SIGNATURE)))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror.lower()})") from None


def open_shard(path: Path, stage: str) -> h5py.File:
    """Open a shard of `stage` for reading.

    Raises InputError if the file is missing, is no shard of that stage, or has another format version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such shard; run the `{stage}` stage to build it")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if breaks_off(path):
            raise InputError(f"{path}: cannot be read as HDF5 ({error}); {again(path, stage)}") from None
        raise InputError(f"{path}: is no HDF5 file; {instead(stage)}") from None
    try:
        check_version(file, stage, path)
    except InputError:
        file.close()
        raise
    return file


def what_it_is(file: h5py.File) -> str:
    """What an open HDF5 file is, for messages: "is a side file of IUV maps", or "holds stage ...". Raises one of UNREADABLE."""
    stage = file.attrs.get("stage")
    if stage is None and "iuv" in file:
        return "is a side file of IUV maps"
    return f"holds stage {stage!r} in format {file.attrs.get('format')}"


def check_version(file: h5py.File, stage: str, path: Path):
    """Raise InputError, which names `path`, if the open `file` is no shard of `stage` or has another format version."""
    try:
        found = file.attrs.get("stage"), file.attrs.get("format")
        what = what_it_is(file)
    except UNREADABLE as error:
        raise InputError(f"{path}: is damaged ({error}); {again(path, stage)}") from None
    wanted = FILE_FORMATS[stage]
    if found != (stage, wanted) and not (stage in ("decode", "densepose") and found == (stage, FILTERED)):
        raise InputError(f"{path}: {what}, but {stage!r} in format {wanted} is needed; {mending(path, stage, found[0])}")


def clip_group(file: h5py.File, path: Path, stage: str, clip: str) -> h5py.Group:
    """The group of `clip` in the open shard `file` of `stage`. Raises InputError, which names `path`, if there is none or it is damaged."""
    try:
        if clip in file:
            return file[clip]
    except UNREADABLE as error:
        raise InputError(f"{path}: clip {clip} is damaged ({error}); {again(path, stage)}") from None
    raise InputError(f"{path}: holds no clip {clip}; run the `{stage}` stage again")


@contextlib.contextmanager
def blamed_on_damage(*groups: tuple[Path, str, h5py.Group]) -> Iterator[None]:
    """Context manager of work with clips' groups, each in the shard `path` of `stage`: where one cannot be read, raises as `check_clip`."""
    try:
        yield
    except UNREADABLE:
        for path, stage, group in groups:
            check_clip(path, stage, group)
        raise


def check_clip(path: Path, stage: str, group: h5py.Group):
    """Raise InputError, which names `path` and the clip, if the clip's `group` in that shard of `stage` is not what was written."""
    if reason := damage(group):
        raise InputError(f"{path}: clip {Path(group.name).name} is damaged ({reason}); {again(path, stage)}")


class FrameStream:
    """A dataset that grows frame by frame; chunk = one frame."""

    def __init__(self, dataset: h5py.Dataset, check: Callable[[], None]):
        self.dataset = dataset
        self._check = check
        self.length = 0

    def append(self, frame: np.ndarray):
        if self.length == len(self.dataset):
            self.dataset.resize(max(16, 2 * self.length), axis=0)
        self.dataset[self.length] = less_row_above(frame[None])[0]
        self.length += 1
        self._check()

    def close(self):
        self.dataset.resize(self.length, axis=0)


class ShardWriter:
    """Write a shard of `stage`: for every clip either `keep` it from the previous shard or `create` its group.

    Use as a context manager; an exception inside leaves neither a temporary file nor a half-written shard. A process that writes the same
    shard is waited for. Raises InputError where the disk is full or the folder cannot be written to.
    """

    def __init__(self, path: Path, stage: str, settings: dict):
        self.path, self.stage, self.settings = output_path(path), stage, settings
        self.kept: list[str] = []
        self.created: list[str] = []
        self._temporary = temporary_name(self.path)
        self._previous: h5py.File | None = None

    def __enter__(self) -> "ShardWriter":
        with contextlib.ExitStack() as stack:
            stack.enter_context(only_writer(self.path))
            stack.callback(self._temporary.unlink, missing_ok=True)
            stack.enter_context(room_for(self.path))
            with contextlib.suppress(InputError):
                self._previous = stack.enter_context(open_shard(kept(self.path), self.stage))
            self._file = stack.enter_context(Hdf5File(self._temporary))
            self._file.attrs["stage"] = self.stage
            self._file.attrs["format"] = FILE_FORMATS[self.stage]
            self._file.attrs["settings"] = canonical_json(self.settings)
            self._file.attrs["versions"] = json.dumps(tool_versions())
            self._close = stack.pop_all()
        return self

    def keep(self, clip: str, digest: str) -> bool:
        """True, and the clip is taken over, if the previous shard holds it with the same digest, and undamaged."""
        try:
            if self._previous is None or clip not in self._previous or self._previous[clip].attrs["digest"] != digest:
                return False
            reason = damage(self._previous[clip])
        except UNREADABLE as error:
            reason = str(error)
        if reason:
            print(f"{self.path}: clip {clip} was damaged ({reason}) and is made again", file=sys.stderr, flush=True)
            return False
        self.kept.append(clip)
        return True

    def create(self, clip: str, digest: str, **facts) -> h5py.Group:
        """A new group for `clip`; `facts` become attributes (numbers, text)."""
        self._file.check()
        group = self._file.create_group(clip)
        group.attrs["digest"] = digest
        group.attrs.update(facts)
        self.created.append(clip)
        return group

    def discard(self, clip: str):
        """Remove what has been written of `clip`, if anything has; the room in the file is used again."""
        if clip in self.created:
            del self._file[clip]
            self.created.remove(clip)

    def stream(self, group: h5py.Group, name: str, frame_shape: tuple[int, ...], dtype) -> FrameStream:
        """A compressed dataset (0, *frame_shape) to append frames to; close it when the last frame is in."""
        options = frame_options(frame_shape)
        return FrameStream(group.create_dataset(name, (0, *frame_shape), dtype, maxshape=(None, *frame_shape), **options), self._file.check)

    @staticmethod
    def write(group: h5py.Group, name: str, frames: np.ndarray):
        """A compressed dataset of `frames` (T, H, ...); chunk = one frame. Without elements it is a plain one: HDF5 has no empty chunks."""
        options = frame_options(frames.shape[1:]) if frames.size else {}
        dataset = group.create_dataset(name, frames.shape, frames.dtype, **options)
        for number in range(len(frames)):
            dataset[number] = less_row_above(frames[number : number + 1])[0]

    @staticmethod
    def table(group: h5py.Group, name: str, values: np.ndarray):
        """A small dataset of `values` (N, ...) in one chunk."""
        group.create_dataset(name, data=values, **({"chunks": values.shape, "fletcher32": True} if values.size else {}))

    def __exit__(self, kind, *error):
        if kind is not None:
            return self._close.__exit__(kind, *error)
        with self._close:
            self._finish()
        return None

    def _finish(self):
        for clip in self.created:
            seal(self._file[clip])
        if self._unchanged():
            self._file.close()
            self._temporary.unlink()
            os.link(kept(self.path), self._temporary)
            os.utime(self._temporary)
        else:
            for clip in self.kept:
                self._take_over(clip)
            seal(self._file)
            self._file.close()
            flush_to_disk(self._temporary)
        os.replace(self._temporary, self.path)
        keep(self.path)

    def _take_over(self, clip: str):
        if self._previous.attrs["format"] == self._file.attrs["format"]:
            self._previous.copy(self._previous[clip], self._file, clip)
        else:
            from .filtered import take_over

            take_over(self._previous[clip], self._file)

    def _unchanged(self) -> bool:
        """Whether the previous shard is the one that is wanted."""
        if self.created or self._previous is None or damage(self._previous):
            return False
        return set(self.kept) == set(self._previous) and self._previous.attrs["settings"] == self._file.attrs["settings"]
