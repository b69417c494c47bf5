"""The warp stage: for every clip of a shard exactly the coarse warp grids that its training samples or its evaluation need."""

import contextlib
import functools
import itertools
import multiprocessing
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import h5py
import numpy as np
import typer

from ..cache.quarantine import handed_on
from ..cache.shard import ShardWriter, again, blamed_on_damage, check_clip, clip_group, open_shard
from ..cache.stack import Stack
from ..clips import Clip, read_clips
from ..config import FORMATS, WarpSettings
from ..config.base import read_settings
from ..core.errors import InputError
from ..core.processes import end_with_parent
from ..core.progress import Bar
from ..storage.checksum import UNREADABLE
from ..storage.digest import digest
from ..warp.codec import MapCodes, encode
from ..warp.engines import THREADED, source_frame
from ..warp.pairs import draw_samples, evaluation_pairs, sample_pairs

GRIDS_A_WORKER = 500
"""With fewer grids than this for each, worker processes cost more to start than they save. Threads cost nothing."""
AHEAD = 4
"""Source frames a worker that may wait, finished, to be written."""
READING = threading.Lock()
"""Lets one thread read a clip's maps while the others wait for them."""


def warp_shard(clips_csv: Path, iuv_shard: Path, out: Path, settings: WarpSettings, workers: int = 1):
    """Write the warp shard `out` of the clips in `clips_csv`, whose IUV maps are in `iuv_shard`, with `workers` processes or threads.

    The result depends neither on `workers` nor on the engine. On a GPU the engine `torch` searches many source frames at once, from
    this process, and the threads encode what it finds. Clips whose maps, split and settings are unchanged are taken over from the shard
    before; those in quarantine stay there.
    Raises InputError if the IUV shard is missing, damaged or lacks a clip, or if a training clip is too short for a sample.
    """
    clips = read_clips(clips_csv)
    with open_shard(iuv_shard, "densepose") as iuv, ShardWriter(out, "warp", settings.decisive()) as writer:
        work = []
        for clip in clips:
            group = clip_group(iuv, iuv_shard, "densepose", clip.name)
            with blamed_on_damage((iuv_shard, "densepose", group)):
                if handed_on(writer, clip.name, group, clip.split):
                    continue
                key, frames = _digest(clip.split, settings, group.attrs["digest"]), len(group["iuv"])
            if not writer.keep(clip.name, key):
                work.append((clip, key, group, *_plan(clip, frames, settings)))
        total = sum(len(pairs) for *_, pairs in work)
        with Bar("warp", total, unit="grids", clips=len(work)) as bar, _mapper(settings.engine, workers, total) as ordered:
            for clip, key, source, samples, pairs in work:
                check_clip(iuv_shard, "densepose", source)
                grids = []
                with bar.clip(len(pairs)):
                    for some in ordered(str(iuv_shard), clip.name, pairs):
                        grids += some
                        bar.advance(len(some), clip.name)
                group = writer.create(clip.name, key, made_from=source.attrs["digest"], split=clip.split, size=source["iuv"].shape[1])
                writer.table(group, "samples", samples)
                write_grids(group, pairs, grids)


def write_grids(group: h5py.Group, pairs: np.ndarray, grids: list[bytes]):
    """Write the encoded `grids` of the `pairs` (P, 2) int32: datasets `pairs`, `grid_bounds` (P + 1,) int64 and `grid` (bytes,) uint8."""
    ShardWriter.table(group, "pairs", pairs)
    ShardWriter.table(group, "grid_bounds", np.cumsum([0, *map(len, grids)]))
    group.create_dataset("grid", data=np.frombuffer(b"".join(grids), np.uint8))


def _digest(split: str, settings: WarpSettings, iuv_digest: str) -> str:
    """What a clip's grids depend on; the test split's not on the settings."""
    return digest("warp", FORMATS["warp"], split, settings.decisive() if split == "train" else None, iuv_digest)


def _plan(clip: Clip, frames: int, settings: WarpSettings) -> tuple[np.ndarray, np.ndarray]:
    """Samples (N, 3) and pairs (P, 2) of a clip."""
    if clip.split == "train":
        samples = draw_samples(clip.name, frames, settings)
        return samples, sample_pairs(samples, settings.samples.targets)
    return np.zeros((0, 3), np.int32), evaluation_pairs(frames)


def _tasks(engine: str, shard: str, clip: str, pairs: np.ndarray) -> Iterator[tuple]:
    """One task a source frame, in the order of the sorted pairs."""
    sources, starts = np.unique(pairs[:, 0], return_index=True)
    for source, driving in zip(sources, np.split(pairs[:, 1], starts[1:]), strict=True):
        yield engine, shard, clip, int(source), driving.tolist()


def _grids(engine: str, shard: str, clip: str, source: int, driving: list[int]) -> list[bytes]:
    """Encoded grids from one source frame to the driving frames."""
    with READING:
        maps = _maps(shard, clip)
    grids = source_frame(engine, maps[source]).grids([maps[frame] for frame in driving])
    here = MapCodes.of(maps[source])
    return [encode(grid.index, here, MapCodes.of(maps[frame])) for grid, frame in zip(grids, driving, strict=True)]


def _encoded(maps: np.ndarray, pair: np.ndarray, index: np.ndarray) -> bytes:
    """The encoded grid `index` between two frames of the clip with IUV maps `maps`."""
    return encode(index, *(MapCodes.of(maps[frame]) for frame in pair))


@functools.lru_cache(maxsize=1)
def _maps(shard: str, clip: str) -> np.ndarray:
    try:
        with h5py.File(shard, "r") as file:
            return Stack(file[clip]["iuv"])[:]
    except UNREADABLE as error:
        raise InputError(f"{shard}: clip {clip} is damaged ({error}); {again(Path(shard), 'densepose')}") from None


class _mapper:
    """Context manager of a function from a shard of IUV maps, a clip and its sorted pairs (P, 2) to their encoded grids, some at a time.

    Source frames are searched one by one in threads or processes, or right here below two workers, or many together on a GPU.
    """

    def __init__(self, engine: str, workers: int, grids: int):
        self.engine = engine
        self.threads = engine in THREADED
        self.workers = workers if self.threads else min(workers, grids // GRIDS_A_WORKER)
        self._close = contextlib.ExitStack()

    def __enter__(self) -> Callable[[str, str, np.ndarray], Iterator[list[bytes]]]:
        self._close.callback(_maps.cache_clear)
        together = self.engine == "torch" and _gpu()
        if self.engine == "torch":
            self._close.enter_context(_one_torch_thread())
        if self.workers < 2 and not together:
            return lambda *clip: (_grids(*task) for task in _tasks(self.engine, *clip))
        if self.threads:
            self._pool = ThreadPoolExecutor(self.workers)
        else:
            self._pool = ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn"), end_with_parent)
        self._close.callback(self._pool.shutdown, cancel_futures=True)
        return self._together if together else self._in_pool

    def _in_pool(self, *clip) -> Iterator[list[bytes]]:
        waiting = deque()
        for task in _tasks(self.engine, *clip):
            waiting.append(self._pool.submit(_grids, *task))
            if len(waiting) > AHEAD * self.workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _together(self, shard: str, clip: str, pairs: np.ndarray) -> Iterator[list[bytes]]:
        from ..warp.charts import pair_indices

        maps, done = _maps(shard, clip), 0
        for indices in pair_indices(maps, pairs):
            some = pairs[done : done + len(indices)]
            done += len(indices)
            yield list(self._pool.map(_encoded, itertools.repeat(maps), some, indices))

    def __exit__(self, *_):
        self._close.close()


def _gpu() -> bool:
    from ..warp.charts import default_device

    return default_device().type == "cuda"


@contextlib.contextmanager
def _one_torch_thread() -> Iterator[None]:
    """PyTorch splits no operation among threads inside the block: source frames are what is split."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def command(
    clips: Annotated[Path, typer.Option(help="Clip table of the shard, as `clips` writes it.")],
    iuv: Annotated[Path, typer.Option(help="Shard of IUV maps, iuv/{shard}.h5.")],
    out: Annotated[Path, typer.Option(help="Shard of warp grids to write, warps/{shard}.h5.")],
    settings: Annotated[str | None, typer.Option(help="Warp settings: JSON text, or the path of a JSON or YAML file.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes or, for lattice and torch, threads; they change no result.")] = 1,
):
    """Compute the coarse warp grids that the training samples and the evaluation of a shard's clips need.

    Example: densepose-cache warp --clips cache/mine/clips/000.csv --iuv cache/mine/iuv/000.h5 --out cache/mine/warps/000.h5 --workers 2
    """
    warp_shard(clips, iuv, out, read_settings(WarpSettings, settings), workers)
