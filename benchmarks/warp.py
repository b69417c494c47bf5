"""Milliseconds of one core per coarse warp grid: the engines against new trees for every pair, on the real training workload.

Usage: python benchmarks/warp.py [--sources N] [--engines kdtree,lattice,torch] [--device cuda] [MAPS ...]
MAPS are folders of IUV PNGs or side files `.iuv.h5`; without them, the clips fashion/1 and taichi/1 in DWNET_TEST_DATA.

The workload is what the warp stage computes for a training clip: every frame once as the first target of a sample in each of two epochs,
grids from the source to three targets and from each target to the next. Of every clip N evenly spread source frames are measured with all
their targets, at the maps' own size and enlarged to twice the size (nearest pixel), and a third of them in a clip rendered at 512x512.
The peer `per_pair` is the usual way, written out below: for every pair and part a new tree over all source pixels of the part, queried with
every driving pixel of the part. All run in this process, one after the other for every source frame, timed by the processor time of one
thread. An engine's time is that of a source frame, all that is built for it included, over the number of its grids: once for all targets
together, once for the next frame alone, once for the distant ones together. Compiling (some seconds, once per machine) is not counted.

The engine `torch` is measured where it is named: the pairs of a clip together, from IUV maps to indices in the memory of the host, after a
first run that compiles. On a GPU these are all pairs of the clip, in the best of five runs by the clock on the wall; on the CPU those of
the source frames that the others are measured on, in processor time of one thread.

Every grid is compared: the engines' must be equal, and the peer's must lie at equal (U, V) distance. Prints one JSON line: for every set of
maps and kind of pair the median over source frames and the total over grids, in ms a grid; the peer's total over the engine's (`times`);
the lowest such ratio of any single source frame; and grids a second (wall time) by number of threads.
"""

import argparse
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numba
import numpy as np
import sklearn
import torch
from natsort import natsorted
from sklearn.neighbors import KDTree

from densepose_cache.config import WarpSettings
from densepose_cache.iuv import read_iuv_png
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.warp import ENGINES, WarpGrid, coordinates, source_frame
from densepose_cache.warp.charts import default_device, pair_indices, upload
from densepose_cache.warp.pairs import draw_samples, sample_pairs

CLIPS = ("fashion/1", "taichi/1")
KINDS = ("all", "consecutive", "distant")
RENDERED = 48
"""Frames of the rendered clip, a person who turns round."""


def read_maps(path: Path) -> np.ndarray:
    """IUV maps (T, H, W, 3) uint8 of a folder of PNGs or of a side file."""
    if path.is_dir():
        return np.stack([read_iuv_png(png) for png in natsorted(path.glob("*_IUV.png"))])
    with h5py.File(path) as file:
        return file["iuv"][:]


def rendered_maps() -> np.ndarray:
    """IUV maps (RENDERED, 512, 512, 3) uint8."""
    clip = RenderedClip(np.random.default_rng(0), size=512, frames=RENDERED, fps=8, motion="turn", background="plain")
    return np.stack([frame.iuv for frame in clip])


def trees_per_pair(source: np.ndarray, driving: np.ndarray) -> np.ndarray:
    """The grid (H, W, 2) float32 of one pair with new trees."""
    height, width = source.shape[:2]
    grid = coordinates(np.arange(height * width).reshape(height, width))
    places = grid.copy()
    grid[source[..., 0] > 0] = -1
    for part in range(1, 25):
        here, there = driving[..., 0] == part, source[..., 0] == part
        if not here.any():
            continue
        if there.any():
            nearest = KDTree(source[there][:, 1:]).query(driving[here][:, 1:], k=1, return_distance=False)[:, 0]
            grid[here] = places[there][nearest]
        else:
            grid[here] = -1
    return grid


def distances(source: np.ndarray, driving: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Squared (U, V) distance of every driving pixel to the source pixel that the grid `xy` names."""
    height, width = source.shape[:2]
    column, row = (np.rint((xy[..., k].astype(float) + 1) / 2 * (n - 1)).astype(int) for k, n in ((0, width), (1, height)))
    return ((source[row, column, 1:].astype(int) - driving[..., 1:]) ** 2).sum(-1)


def timed(function: Callable, *arguments) -> tuple[float, object]:
    """Processor time of this thread in ms, and what the function returns."""
    start = time.thread_time()
    result = function(*arguments)
    return 1e3 * (time.thread_time() - start), result


def grids(engine: str, source: np.ndarray, driving: list[np.ndarray]) -> list[WarpGrid]:
    return source_frame(engine, source).grids(driving)


def workload(frames: int, sources: int) -> Iterator[tuple[int, np.ndarray]]:
    """`sources` evenly spread source frames of a clip (0: all of them) and the driving frames of each."""
    pairs = sample_pairs(draw_samples("benchmark", frames, WarpSettings()), 3)
    numbers = np.unique(pairs[:, 0])
    if sources:
        numbers = numbers[np.unique(np.linspace(0, len(numbers) - 1, min(sources, len(numbers))).astype(int))]
    for number in numbers:
        yield number, pairs[pairs[:, 0] == number, 1]


def check(source: np.ndarray, driving: np.ndarray, found: list[WarpGrid], official: np.ndarray):
    """Stop unless the engines' grids are equal and the peer's grid differs from them by ties alone."""
    first, *others = found
    for other in others:
        assert np.array_equal(first.index, other.index)
        assert np.array_equal(first.visible, other.visible)
    xy, visible = first.coordinates(), first.visible
    assert np.array_equal(xy[~visible], official[~visible])
    assert np.array_equal(distances(source, driving, xy), distances(source, driving, official))


def measure(maps: np.ndarray, sources: int, engines: list[str]) -> dict:
    """Times (n, 2) of every kind of pair and way of computing: ms and grids of each source frame."""
    times = {kind: {way: [] for way in ("per_pair", *engines)} for kind in KINDS}
    for number, targets in workload(len(maps), sources):
        peer = [timed(trees_per_pair, maps[number], maps[target]) for target in targets]
        near = np.abs(targets - number) == 1
        for kind, chosen in zip(KINDS, (near | True, near, ~near), strict=True):
            if not chosen.any():
                continue
            driving = [maps[target] for target in targets[chosen]]
            times[kind]["per_pair"].append((sum(peer[k][0] for k in np.flatnonzero(chosen)), len(driving)))
            found = []
            for engine in engines:
                took, result = timed(grids, engine, maps[number], driving)
                times[kind][engine].append((took, len(driving)))
                found.append(result)
            for k, *same in zip(np.flatnonzero(chosen), *found, strict=True):
                check(maps[number], maps[targets[k]], same, peer[k][1])
    return {kind: {way: np.array(values) for way, values in ways.items()} for kind, ways in times.items()}


def summary(times: dict) -> dict:
    """Of the times of one kind of pair: grids, median and total in ms a grid, and how many times the peer's total is the engine's."""
    peer = times["per_pair"]
    result = {"grids": int(peer[:, 1].sum())}
    for way, values in times.items():
        entry = {"median_ms": np.median(values[:, 0] / values[:, 1]), "ms": values[:, 0].sum() / values[:, 1].sum()}
        if way != "per_pair":
            entry["times"] = peer[:, 0].sum() / values[:, 0].sum()
            entry["lowest"] = (peer[:, 0] / values[:, 0]).min()
        result[way] = {name: round(float(value), 3) for name, value in entry.items()}
    return result


def together(maps: np.ndarray, sources: int, device: torch.device, peer_ms: float) -> dict:
    """Of the engine `torch`: grids, ms a grid, of these the upload of the maps, and how many times the peer's `peer_ms` it is."""
    on_gpu = device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.thread_time
    tasks = list(workload(len(maps), 0 if on_gpu else sources))
    pairs = np.array([(number, target) for number, targets in tasks for target in targets])
    used, pairs = np.unique(pairs, return_inverse=True)
    maps, pairs = maps[used], pairs.reshape(-1, 2)
    found = itertools.chain.from_iterable(pair_indices(maps, pairs, device))
    for number in np.unique(pairs[:, 0]):
        for wanted in grids("lattice", maps[number], list(maps[pairs[pairs[:, 0] == number, 1]])):
            assert np.array_equal(next(found), wanted.index)
    whole, upload_alone = np.inf, np.inf
    for _ in range(5 if on_gpu else 1):
        start = clock()
        upload(maps, device)[-1, -1, -1].cpu()
        upload_alone = min(upload_alone, clock() - start)
        start = clock()
        count = sum(map(len, pair_indices(maps, pairs, device)))
        whole = min(whole, clock() - start)
    ms, upload_ms = 1e3 * whole / count, 1e3 * upload_alone / count
    name = torch.cuda.get_device_name(device) if on_gpu else processor()
    return {"device": name, "grids": count, "ms": round(ms, 4), "upload_ms": round(upload_ms, 4), "times": round(peer_ms / ms, 3)}


def scaling(maps: np.ndarray, sources: int) -> dict[str, float]:
    """Grids a second of the lattice by number of threads: one, and one per processor."""
    tasks = [(maps[number], [maps[target] for target in targets]) for number, targets in workload(len(maps), sources)]
    count = sum(len(driving) for _, driving in tasks)
    rates = {}
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        best = 0.0
        for _ in range(3):
            with ThreadPoolExecutor(threads) as pool:
                start = time.perf_counter()
                for _ in pool.map(lambda task: len(grids("lattice", *task)), tasks):
                    pass
                best = max(best, count / (time.perf_counter() - start))
        rates[str(threads)] = round(best)
    return rates


def processor() -> str:
    """The processor's name where the system tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def read_options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="Measure the engines that compute coarse warp grids.")
    parser.add_argument("maps", nargs="*", type=Path, help="folders of IUV PNGs, or side files .iuv.h5")
    parser.add_argument("--sources", type=int, default=24, help="source frames measured of every clip; 0: all")
    parser.add_argument("--engines", default="kdtree,lattice", help=f"of {','.join(ENGINES)}; lattice is always one")
    parser.add_argument("--device", type=torch.device, help="of the engine torch: cpu or cuda; default: cuda if there is a GPU")
    options = parser.parse_args()
    options.engines = list(dict.fromkeys(["lattice", *options.engines.split(",")]))
    if unknown := set(options.engines) - set(ENGINES):
        parser.error(f"there is no engine {unknown.pop()!r}")
    options.device = options.device or default_device()
    options.together = "torch" in options.engines
    options.engines = [engine for engine in options.engines if engine != "torch"]
    if not options.maps and not os.environ.get("DWNET_TEST_DATA"):
        parser.error("give folders of IUV PNGs or side files, or set DWNET_TEST_DATA")
    return options


def read_sets(options: argparse.Namespace) -> dict[str, tuple[np.ndarray, int]]:
    """Every set of maps (T, H, W, 3) uint8 with the number of its source frames to measure, by name."""
    folder = Path(os.environ.get("DWNET_TEST_DATA", ""))
    clips = {str(path): path for path in options.maps} or {clip: folder / "data/ubc_sample" / clip / "dp_target" for clip in CLIPS}
    sets = {}
    for name, path in clips.items():
        maps = read_maps(path)
        sets[f"{name} {maps.shape[1]}"] = maps, options.sources
        sets[f"{name} {2 * maps.shape[1]}"] = maps.repeat(2, 1).repeat(2, 2), -(-options.sources // 3)
    return sets | {"rendered 512": (rendered_maps(), -(-options.sources // 3))}


def main():
    options = read_options()
    torch.set_num_threads(1)
    sets = read_sets(options)
    for engine in options.engines:
        grids(engine, next(iter(sets.values()))[0][0], [sets["rendered 512"][0][0][:256, :256]])
    result = {"benchmark": "warp", "peer": "new scikit-learn trees for every part and pair", "sets": {}}
    for name, (maps, sources) in sets.items():
        kinds = {kind: summary(times) for kind, times in measure(maps, sources, options.engines).items()}
        result["sets"][name] = kinds | {"lattice_grids_per_second_by_threads": scaling(maps, sources)}
        if options.together:
            result["sets"][name]["torch"] = together(maps, sources, options.device, kinds["all"]["per_pair"]["ms"])
    result["cpu"] = processor()
    versions = {"numpy": np.__version__, "scikit-learn": sklearn.__version__, "numba": numba.__version__, "torch": torch.__version__}
    print(json.dumps(result | {"versions": versions}))


if __name__ == "__main__":
    main()
