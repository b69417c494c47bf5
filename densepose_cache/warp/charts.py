"""Coarse warp grids in PyTorch, many pairs at a time: what `SourceTrees` finds, searched for in the lattice of (U, V).

Every body part that a source frame has gets a chart, a table over all 256x256 codes (U, V). An entry is one number, reach << 22 | pixel:
how far along U the nearest source point with the same V is, and the lowest of the source pixels that far. The nearest pixel to a query
(U, V) is then found in one row of the chart: least reach(U, x)² + (x - V)² of all columns x, and at that distance the lowest pixel.

A source frame with p parts costs 2 * 65536 * p steps of one addition and one minimum, a query 256 columns, which are 1 KB. Nothing is
padded: charts exist for parts that a source has, and rows are read for driving pixels that show one of them.

On a GPU these are the kernels of `chart_kernels`, and everything that many source frames and their driving frames need is launched
at once. On the CPU, and where Triton does not run, they are PyTorch's own operations, one source frame at a time, and codes that several
driving pixels share are asked for once.
"""

import functools
import sys
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..iuv import PARTS
from .grid import WarpGrid, check_maps, index_dtype, visible_pixels

SIDE = 256
"""Values of U, and of V."""
PIXEL_BITS = 22
MOST_PIXELS = 1 << PIXEL_BITS
"""Pixels of the largest frame that can be searched: 2048x2048."""
STEP = 1 << PIXEL_BITS
"""What an entry grows by from one U to the next."""
STEPS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Taken one after the other, or left out, they lead from any U to any other."""
EMPTY = 383 << PIXEL_BITS
"""Entry of a column without a source point: beyond every distance in a chart (383² > 2 * 255²), and 128 steps more still fit."""
FAR = 1 << 30
"""Above every pixel number."""
CHUNK = 1024
"""Queries at a time on the CPU: the few MB of their rows stay in its caches."""
NEAR = 8
"""Columns on either side of a query that are looked at first on the CPU."""
FRAMES_AT_ONCE = 64
"""Frames whose parts are listed at a time."""
PIXELS_ON_GPU, PIXELS_ON_CPU = 1 << 24, 1 << 20
"""Pixels of driving frames that are searched at once: 256 and 16 frames of 256x256."""
CHART_BYTES = 1 << 28
"""Memory for charts: about 1000 of them, which keeps the whole of a large GPU busy."""


class SourceCharts:
    """The charts of a source frame's IUV map (H, W, 3) uint8 on `device`, drawn once and searched for any number of driving frames.

    Without a device: the GPU if there is one, else the CPU. Raises ValueError as `check_maps` and `upload` do.
    """

    def __init__(self, source_iuv: np.ndarray, device: torch.device | None = None):
        check_maps([source_iuv])
        self._source = source_iuv
        self._device = device or default_device()
        self._charts = Charts(upload(source_iuv[None], self._device), [0])

    def grids(self, driving_iuvs: Sequence[np.ndarray]) -> list[WarpGrid]:
        """The grids to the IUV maps `driving_iuvs`, each (H, W, 3) uint8 like the source's; equal to those of `SourceTrees`."""
        check_maps(driving_iuvs, self._source.shape)
        if not driving_iuvs:
            return []
        frames = upload(np.stack([self._source, *driving_iuvs]), self._device)
        found = self._charts.search(frames, np.array([(0, 0, number) for number in range(1, len(frames))]))
        indices = found.cpu().numpy().astype(index_dtype(*self._source.shape[:2]))
        return [WarpGrid(index, visible_pixels(self._source, iuv)) for index, iuv in zip(indices, driving_iuvs, strict=True)]


def pair_indices(maps: np.ndarray, pairs: np.ndarray, device: torch.device | None = None) -> Iterator[np.ndarray]:
    """Grids between frames of one clip: the indices (n, H, W), unsigned, of n `pairs` after another, in order.

    `maps` (T, H, W, 3) uint8 are the clip's IUV maps, `pairs` (P, 2) frame numbers source, driving, sorted by source. Some are computed
    while those before are in use. Without a device: the GPU if there is one, else the CPU. Raises ValueError as `SourceCharts` does.
    """
    frames = upload(maps, device or default_device())
    parts = present_parts(frames)
    sources, rows = np.unique(pairs[:, 0], return_inverse=True)
    at_once = max((PIXELS_ON_GPU if frames.is_cuda else PIXELS_ON_CPU) // maps[0, ..., 0].size, 1)
    waiting = None
    for run in _runs(parts[sources].sum(1), frames.is_cuda):
        charts = Charts(frames, sources[run], parts)
        chosen = (rows >= run.start) & (rows < run.stop)
        tasks = np.column_stack([rows[chosen] - run.start, pairs[chosen]])
        for first in range(0, len(tasks), at_once):
            following = _Download(charts.search(frames, tasks[first : first + at_once]), index_dtype(*maps.shape[1:3]))
            if waiting:
                yield waiting.array()
            waiting = following
    if waiting:
        yield waiting.array()


def default_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def upload(maps: np.ndarray, device: torch.device) -> Tensor:
    """IUV maps (T, H, W, 3) uint8 as a contiguous tensor on `device`; on the CPU their own memory where it can be shared.

    Raises ValueError if the array is something else, or a frame has more than MOST_PIXELS pixels.
    """
    if maps.dtype != np.uint8 or maps.ndim != 4 or maps.shape[3] != 3:
        raise ValueError(f"IUV maps are (T, H, W, 3) uint8, these are {maps.dtype} of shape {maps.shape}")
    if maps[0, ..., 0].size > MOST_PIXELS:
        raise ValueError(
            f"the torch engine searches frames of up to {MOST_PIXELS} pixels (2048x2048), these are {maps.shape[1]}x{maps.shape[2]}"
        )
    return torch.from_numpy(np.require(maps, requirements=["C", "W"])).to(device)


def present_parts(frames: Tensor) -> np.ndarray:
    """(T, 25) bool: the body parts that each of `frames` (T, H, W, 3) uint8 shows; never the background.

    Raises ValueError if there is a part above 24.
    """
    present = torch.zeros(len(frames), 256, dtype=torch.bool, device=frames.device)
    parts = frames[..., 0].flatten(1)
    for some, row in zip(parts.split(FRAMES_AT_ONCE), present.split(FRAMES_AT_ONCE), strict=True):
        row.scatter_(1, some.long(), True)
    present = present.cpu().numpy()
    if present[:, PARTS + 1 :].any():
        raise ValueError(f"an IUV map has I in 0..{PARTS}, one of these has {np.flatnonzero(present.any(0)).max()}")
    present[:, 0] = False
    return present[:, : PARTS + 1]


class Charts:
    """Charts of the source frames with the given `numbers` among `frames` (T, H, W, 3) uint8.

    `entries` (256, K, 256) int32 by U, chart and V; `slots` (S, 25) int32: the chart of a source frame's part, -1 where it has none.
    `parts` (T, 25) bool: what `present_parts` says of the frames, if it is known.
    """

    def __init__(self, frames: Tensor, numbers: Sequence[int], parts: np.ndarray | None = None):
        present = (present_parts(frames) if parts is None else parts)[numbers]
        slots = np.where(present, present.cumsum().reshape(present.shape) - 1, -1).astype(np.int32)
        self.slots = torch.from_numpy(slots).to(frames.device)
        self.entries = self._points(frames[_numbers(numbers, frames.device)], int(present.sum()))
        kernels = _kernels(frames.device.type)
        (kernels.sweep if kernels else sweep)(self.entries)

    def _points(self, sources: Tensor, count: int) -> Tensor:
        """Entries of the source points alone: reach 0 and the lowest pixel; EMPTY elsewhere."""
        part, u, v = (channel.long() for channel in sources.flatten(1, 2).unbind(-1))
        pixel = torch.arange(part.shape[1], dtype=torch.int32, device=part.device).expand(part.shape)
        slot = self.slots.gather(1, part)
        size = SIDE * SIDE * count
        # Background goes where nobody looks, a place for every pixel: a single one would be written to by all of them in turn.
        place = torch.where(slot >= 0, (u * count + slot) * SIDE + v, size + pixel)
        entries = torch.full((size + part.shape[1],), EMPTY, dtype=torch.int32, device=part.device)
        return entries.scatter_reduce_(0, place.flatten(), pixel.flatten(), "amin")[:size].view(SIDE, count, SIDE)

    def search(self, frames: Tensor, tasks: np.ndarray) -> Tensor:
        """Indices (P, H, W) int32 of the grids that `tasks` (P, 3) ask for: row in `slots`, source and driving number in `frames`."""
        kernels = _kernels(frames.device.type)
        if kernels:
            return kernels.search(self.entries, self.slots, frames, torch.from_numpy(tasks.astype(np.int32)).to(frames.device))
        found = torch.empty(len(tasks), *frames.shape[1:3], dtype=torch.int32, device=frames.device)
        for row in np.unique(tasks[:, 0]):
            mine = np.flatnonzero(tasks[:, 0] == row)
            found[mine] = self._search_one(frames, row, tasks[mine[0], 1], tasks[mine, 2])
        return found

    def _search_one(self, frames: Tensor, row: int, source: int, driving: np.ndarray) -> Tensor:
        """Indices (P, H, W) int32 of the grids from one source frame to P driving frames."""
        count = self.entries.shape[1]
        here = frames[_numbers(driving, frames.device)]
        part, u, v = (channel.long() for channel in here.unbind(-1))
        slot = self.slots[row][part]
        wanted = slot >= 0
        code = ((u * count + slot) * SIDE + v)[wanted]
        asked = torch.zeros(self.entries.numel(), dtype=torch.bool, device=frames.device)
        asked[code] = True
        queries = asked.nonzero()[:, 0]
        nearest = torch.empty(self.entries.numel(), dtype=torch.int32, device=frames.device)
        for some in queries.split(16 * CHUNK):
            nearest[some] = nearest_pixels(self.entries, some)
        pixel = torch.arange(slot[0].numel(), dtype=torch.int32, device=frames.device).view(slot.shape[1:])
        found = torch.where((part == 0) & (frames[int(source), ..., 0] == 0), pixel, 0)
        found[wanted] = nearest[code]
        return found


def sweep(entries: Tensor):
    """Fill in, in place, `entries` (256, K, 256) int32 from those of the source points: down along U in steps of 1 to 128, then up."""
    stepped = torch.empty_like(entries)
    for step in STEPS:
        torch.add(entries[:-step], step * STEP, out=stepped[step:])
        torch.minimum(entries[step:], stepped[step:], out=entries[step:])
    for step in STEPS:
        torch.add(entries[step:], step * STEP, out=stepped[:-step])
        torch.minimum(entries[:-step], stepped[:-step], out=entries[:-step])


def nearest_pixels(entries: Tensor, codes: Tensor) -> Tensor:
    """(Q,) int32: the lowest of the pixels nearest to every one of `codes` (Q,) int64, places in the filled `entries`.

    The nearest columns come first; only where what lies beyond them could be as near are all 256 taken.
    """
    v = codes % SIDE
    near = (v[:, None] + torch.arange(-NEAR, NEAR + 1, device=codes.device)).clamp_(0, SIDE - 1)
    found, squared = _lowest(entries.view(-1)[near + (codes - v)[:, None]], (near - v[:, None]).int().square_())
    rest = (squared >= (NEAR + 1) ** 2).nonzero()[:, 0]
    for some in rest.split(CHUNK):
        found[some] = _lowest(entries.view(-1, SIDE)[codes[some] // SIDE], _squares(entries.device)[v[some]])[0]
    return found


def _lowest(entries: Tensor, across: Tensor) -> tuple[Tensor, Tensor]:
    """The lowest of the nearest pixels (Q,), and their squared distance, of `entries` (Q, C) in columns at squared distances `across`."""
    squared = (entries >> PIXEL_BITS).square_().add_(across)
    least = squared.amin(1, keepdim=True)
    return torch.where(squared == least, entries.bitwise_and(STEP - 1), FAR).amin(1), least[:, 0]


def _numbers(values: Sequence[int], device: torch.device) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.int64)).to(device)


@functools.lru_cache(maxsize=4)
def _squares(device: torch.device) -> Tensor:
    """(256, 256) int32: squared difference of two columns."""
    column = torch.arange(SIDE, dtype=torch.int32, device=device)
    return (column[:, None] - column) ** 2


@functools.lru_cache(maxsize=4)
def _kernels(kind: str):
    """The module of kernels where they run, else None: Triton may lack a compiler, a folder to write to, or a GPU that it knows."""
    if kind != "cuda":
        return None
    try:
        from . import chart_kernels

        chart_kernels.try_out(torch.device(kind))
    except Exception as error:
        print(f"warning: Triton does not run here ({error}); warp grids are found without it, more slowly", file=sys.stderr, flush=True)
        return None
    return chart_kernels


def _runs(charts: np.ndarray, many: bool) -> Iterator[slice]:
    """Runs of source frames, of which each needs so many `charts`, to be searched at once: as many as CHART_BYTES hold, or one by one."""
    start = held = 0
    for number, more in enumerate(4 * SIDE * SIDE * charts):
        if number > start and (not many or held + more > CHART_BYTES):
            yield slice(start, number)
            start, held = number, 0
        held += more
    if len(charts):
        yield slice(start, len(charts))


class _Download:
    """Indices (P, H, W) on their way from the device, as `dtype`; the device goes on meanwhile."""

    def __init__(self, found: Tensor, dtype: np.dtype):
        found = found.to({2: torch.uint16, 4: torch.uint32}[dtype.itemsize])
        self._event = None
        if found.is_cuda:
            self._here = torch.empty(found.shape, dtype=found.dtype, pin_memory=True).copy_(found, non_blocking=True)
            self._event = torch.cuda.current_stream(found.device).record_event()
        else:
            self._here = found

    def array(self) -> np.ndarray:
        """The indices, once they have arrived."""
        if self._event:
            self._event.synchronize()
        return self._here.numpy()
