"""The shipped IUV network against DensePose's own maps on real clips, and its speed.

Usage: DWNET_TEST_DATA=... python benchmarks/iuv_network.py [--every 10] [--weights FILE] [--smooth] [--sheet FILE] [--threads 2].
Takes one frame of `--every` of the clips fashion/1 and taichi/1 (folders `target` with frames, `dp_target` with IUV maps) and the one
after it. These clips measure and choose nothing: the network learns from rendered people alone. Prints one JSON line a clip:

silhouette_iou   of the pixels of all frames together, as all of these
part_miou        intersections over unions of the 24 parts, mean of the parts that occur
part_accuracy    share of the real body's pixels with the same part
u_error, v_error mean absolute difference, levels of 0..255, where the part agrees
warp_*           L1 in levels between a frame and the first one, warped, over the real driving body: by real maps, by found maps, not at all
flicker_*        body pixels whose colour hardly changes to the next frame: share whose part changes, and mean change of U, V
missed           frames without anybody
speed            frames a second of both passes together, and of each; cpu_ms: processor milliseconds a frame
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from natsort import natsorted
from PIL import Image

from densepose_cache.densepose.backends.embedded import EmbeddedNetwork
from densepose_cache.densepose.person import Follower
from densepose_cache.densepose.steady import SteadyBoxes
from densepose_cache.iuv import read_iuv_png
from densepose_cache.iuv.agreement import agreement
from densepose_cache.iuv_network.weights import WEIGHTS
from densepose_cache.warp import SourceTrees

CLIPS = ("fashion", "taichi")
STILL = 6
"""Levels by which a pixel's colour may change to count as still."""


def read_clip(folder: Path, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of successive frames (2 n, S, S, 3) uint8 and their real maps."""
    frames, maps = (natsorted((folder / name).glob("*.png")) for name in ("target", "dp_target"))
    chosen = [k + d for k in range(0, len(frames) - 1, every) for d in (0, 1)]
    pictures = np.stack([np.asarray(Image.open(frames[k]).convert("RGB")) for k in chosen])
    return pictures, np.stack([read_iuv_png(maps[k]) for k in chosen])


def extract(network: EmbeddedNetwork, frames: np.ndarray, batch: int, smooth: bool) -> tuple[np.ndarray, int, dict[str, float]]:
    """Maps of all frames, the number without anybody, and the speed."""
    follower, steady, maps, missed, seconds, cpu = Follower(frames.shape[1]), SteadyBoxes(), [], 0, np.zeros(2), time.process_time()
    for start in range(0, len(frames), batch):
        began = time.perf_counter()
        found = network.detect([network.prepare(frame) for frame in frames[start : start + batch]])
        chosen = [follower.choose(boxes, scores).person for boxes, scores in zip(found.boxes, found.scores, strict=True)]
        if smooth:
            steady.move(found.boxes, chosen)
        middle = time.perf_counter()
        drawn = network.maps(found, chosen)
        seconds += middle - began, time.perf_counter() - middle
        missed += sum(one is None for one in drawn)
        maps += [np.zeros_like(frames[0]) if one is None else one for one in drawn]
    speed = {"both": len(frames) / seconds.sum(), "first_pass": len(frames) / seconds[0], "second_pass": len(frames) / seconds[1]}
    speed["cpu_ms"] = 1000 * (time.process_time() - cpu) / len(frames)
    return np.stack(maps), missed, {name: round(value, 1) for name, value in speed.items()}


def warp_errors(frames: np.ndarray, found: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Mean L1 over the real driving body of the first frame, warped; what no source pixel goes to keeps the unwarped source."""
    source = frames[0].astype(float)
    sums = {"warp_real": [], "warp_found": [], "warp_none": []}
    for maps, name in ((real, "warp_real"), (found, "warp_found")):
        for frame, true, grid in zip(frames[2::2], real[2::2], SourceTrees(maps[0]).grids(list(maps[2::2])), strict=True):
            taken = np.where(grid.visible[..., None], source.reshape(-1, 3)[grid.index.astype(int)], source)
            sums[name].append(np.abs(taken - frame)[true[..., 0] > 0].mean())
    for frame, true in zip(frames[2::2], real[2::2], strict=True):
        sums["warp_none"].append(np.abs(source - frame)[true[..., 0] > 0].mean())
    return {name: float(np.mean(values)) for name, values in sums.items()}


def flicker(frames: np.ndarray, maps: np.ndarray) -> tuple[float, float]:
    """Over pixels of a pair's body that hardly change: share whose part changes, and mean change of U, V where it does not."""
    parts, values = [], []
    for k in range(0, len(frames), 2):
        a, b = maps[k].astype(int), maps[k + 1].astype(int)
        still = np.abs(frames[k].astype(int) - frames[k + 1]).max(2) <= STILL
        body = still & ((a[..., 0] > 0) | (b[..., 0] > 0))
        same = body & (a[..., 0] == b[..., 0])
        parts.append(1 - same.sum() / max(body.sum(), 1))
        values += [np.abs(a - b)[same][:, 1:].mean()] if same.any() else []
    return float(np.mean(parts)), float(np.mean(values))


def sheet(path: Path, clips: list[tuple[np.ndarray, np.ndarray, np.ndarray]]):
    """A picture of ten frames a clip, with the real map below and the network's below that."""
    rows = []
    for frames, real, found in clips:
        chosen = np.linspace(0, len(frames) - 1, 10).astype(int)

        def shown(maps, chosen=chosen):
            return [np.stack([maps[k][..., 0] * 10, maps[k][..., 1], maps[k][..., 2]], -1) for k in chosen]

        rows += [np.concatenate(part, 1) for part in ([frames[k] for k in chosen], shown(real), shown(found))]
    Image.fromarray(np.concatenate(rows)).reduce(2).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--smooth", action="store_true")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    network, shown = EmbeddedNetwork(weights=options.weights), []
    for clip in CLIPS:
        frames, real = read_clip(Path(os.environ["DWNET_TEST_DATA"]) / "data/ubc_sample" / clip / "1", options.every)
        extract(network, frames[:8], options.batch, options.smooth)
        found, missed, speed = extract(network, frames, options.batch, options.smooth)
        figures = agreement(found[::2], real[::2]) | warp_errors(frames, found, real)
        for name, maps in (("real", real), ("found", found)):
            figures[f"flicker_parts_{name}"], figures[f"flicker_uv_{name}"] = flicker(frames, maps)
        figures = {name: round(float(value), 3) for name, value in figures.items()}
        print(json.dumps({"clip": clip, "frames": len(frames) // 2, **figures, "missed": missed, "speed": speed}), flush=True)
        shown.append((frames, real, found))
    if options.sheet:
        sheet(options.sheet, shown)


if __name__ == "__main__":
    main()
