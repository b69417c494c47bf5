"""The steps of `charts` as Triton kernels.

- `sweep_kernel` gives each of 32 columns of a chart to a lane, which walks down and up again: 128 bytes a step and warp.
- `list_kernel` writes what the background shows and lists all other driving pixels whose part the source has.
- `search_kernel` works off that list, 16 queries at a time: the 256 columns of each in one read of 1 KB, one minimum of distances, one of
  pixel numbers. Most of a frame is background; on the list no lane waits for it, and the host never has to know how long it is.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from . import charts

COLUMNS = 32
"""Columns of a chart that a program of `sweep_kernel` fills in."""
PIXELS = 1024
"""Driving pixels that a program of `list_kernel` looks at."""
QUERIES = 16
"""Queries that a program of `search_kernel` answers at a time."""
PROGRAMS = 2048
"""Programs of `search_kernel`, more than a GPU can hold at once."""
SIDE = tl.constexpr(charts.SIDE)
SLOTS = tl.constexpr(charts.PARTS + 1)
PIXEL_BITS = tl.constexpr(charts.PIXEL_BITS)
STEP = tl.constexpr(charts.STEP)
EMPTY = tl.constexpr(charts.EMPTY)
FAR = tl.constexpr(charts.FAR)


def try_out(device: torch.device):
    """Compile and run both kernels on next to nothing. Raises whatever Triton does where it cannot."""
    entries = torch.full((charts.SIDE, 1, charts.SIDE), charts.EMPTY, dtype=torch.int32, device=device)
    sweep(entries)
    slots = torch.full((1, charts.PARTS + 1), -1, dtype=torch.int32, device=device)
    frames, tasks = torch.zeros(1, 1, 1, 3, dtype=torch.uint8, device=device), torch.zeros(1, 3, dtype=torch.int32, device=device)
    search(entries, slots, frames, tasks).cpu()


def sweep(entries: Tensor):
    """Fill in, in place, `entries` (256, K, 256) int32 from those of the source points: down along U and up again."""
    count = entries.shape[1]
    if count:
        sweep_kernel[(count * SIDE.value // COLUMNS,)](entries, count * SIDE.value, COLUMNS=COLUMNS, num_warps=1)


def search(entries: Tensor, slots: Tensor, frames: Tensor, tasks: Tensor) -> Tensor:
    """Indices (P, H, W) int32 of the grids that `tasks` (P, 3) int32 ask for: row in `slots`, source and driving number in `frames`.

    `entries` (256, K, 256) int32 and `slots` (S, 25) int32 are those of `charts.Charts`, `frames` (T, H, W, 3) uint8.
    """
    found = torch.empty(len(tasks), *frames.shape[1:3], dtype=torch.int32, device=frames.device)
    if not found.numel():
        return found
    codes, places = torch.empty(2, found.numel(), dtype=torch.int32, device=frames.device)
    asked = torch.zeros(1, dtype=torch.int32, device=frames.device)
    pixels = frames.shape[1] * frames.shape[2]
    grid = (triton.cdiv(pixels, PIXELS) * len(tasks),)
    list_kernel[grid](slots, frames, tasks, found, codes, places, asked, entries.shape[1], pixels, PIXELS=PIXELS, num_warps=4)
    search_kernel[(PROGRAMS,)](entries, codes, places, asked, found, QUERIES=QUERIES, num_warps=4)
    return found


@triton.jit(do_not_specialize=["stride"])
def sweep_kernel(entries, stride, COLUMNS: tl.constexpr):
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = entries + column
    nearest = tl.full((COLUMNS,), EMPTY, tl.int32)
    for _ in range(SIDE):
        nearest = tl.minimum(tl.load(row), nearest + STEP)
        tl.store(row, nearest)
        row += stride
    for _ in range(SIDE):
        row -= stride
        nearest = tl.minimum(tl.load(row), nearest + STEP)
        tl.store(row, nearest)


@triton.jit(do_not_specialize=["count", "pixels"])
def list_kernel(slots, frames, tasks, found, codes, places, asked, count, pixels, PIXELS: tl.constexpr):
    blocks = tl.cdiv(pixels, PIXELS)
    task = tl.program_id(0) // blocks
    pixel = tl.program_id(0) % blocks * PIXELS + tl.arange(0, PIXELS)
    inside = pixel < pixels
    row = tl.load(tasks + 3 * task)
    source = tl.load(tasks + 3 * task + 1).to(tl.int64)
    driving = tl.load(tasks + 3 * task + 2).to(tl.int64)
    here = frames + 3 * (driving * pixels + pixel)
    part = tl.load(here, mask=inside, other=0).to(tl.int32)
    there = tl.load(frames + 3 * (source * pixels + pixel), mask=inside, other=0).to(tl.int32)
    tl.store(found + task * pixels + pixel, tl.where((part == 0) & (there == 0), pixel, 0), mask=inside)
    slot = tl.load(slots + row * SLOTS + part)
    wanted = slot >= 0
    number = tl.cumsum(wanted.to(tl.int32), 0)
    total = tl.max(number, 0)
    if total > 0:
        u = tl.load(here + 1, mask=wanted, other=0).to(tl.int32)
        v = tl.load(here + 2, mask=wanted, other=0).to(tl.int32)
        at = tl.atomic_add(asked, total) + number - 1
        tl.store(codes + at, (u * count + slot) * SIDE + v, mask=wanted)
        tl.store(places + at, task * pixels + pixel, mask=wanted)


@triton.jit
def search_kernel(entries, codes, places, asked, found, QUERIES: tl.constexpr):
    total = tl.load(asked)
    column = tl.arange(0, SIDE)
    for first in range(tl.program_id(0) * QUERIES, total, tl.num_programs(0) * QUERIES):
        number = first + tl.arange(0, QUERIES)
        inside = number < total
        code = tl.load(codes + number, mask=inside, other=0)
        line = (code >> 8) * SIDE
        entry = tl.load(entries + line[:, None] + column[None, :])
        reach = entry >> PIXEL_BITS
        across = column[None, :] - (code & (SIDE - 1))[:, None]
        squared = reach * reach + across * across
        least = tl.min(squared, 1)
        nearest = tl.min(tl.where(squared == least[:, None], entry & (STEP - 1), FAR), 1)
        tl.store(found + tl.load(places + number, mask=inside, other=0), nearest, mask=inside)
