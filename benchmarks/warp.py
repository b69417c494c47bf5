"""Milliseconds per coarse warp grid: one set of k-d trees per source frame and all its targets at once, against new trees for every pair.

Usage: python benchmarks/warp.py [MAPS], a folder of IUV PNGs or a side file `.iuv.h5`; without it, the fashion clip in DWNET_TEST_DATA.
Prints one JSON line. The peer is the usual way, written out below: for every pair and part a new tree over all source pixels of the part,
queried with every driving pixel of the part. Both run in this process, one after the other for every source frame, on one thread.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path

import h5py
import numpy as np
from natsort import natsorted
from sklearn.neighbors import KDTree

from densepose_cache.config import WarpSettings
from densepose_cache.iuv import read_iuv_png
from densepose_cache.samples import draw_samples, sample_pairs
from densepose_cache.warp import SourceTrees, coordinates

SOURCES = 12


def read_maps(path: Path) -> np.ndarray:
    """IUV maps (T, H, W, 3) uint8 of a folder of PNGs or of a side file."""
    if path.is_dir():
        return np.stack([read_iuv_png(png) for png in natsorted(path.glob("*_IUV.png"))])
    with h5py.File(path) as file:
        return file["iuv"][:]


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


def main():
    folder = os.environ.get("DWNET_TEST_DATA")
    if len(sys.argv) < 2 and not folder:
        sys.exit("give a folder of IUV PNGs or a side file, or set DWNET_TEST_DATA")
    maps = read_maps(Path(sys.argv[1] if len(sys.argv) > 1 else f"{folder}/data/ubc_sample/fashion/1/dp_target"))
    pairs = sample_pairs(draw_samples("benchmark", len(maps), WarpSettings()), 3)
    ours, peer, grids, targets = [], [], 0, []
    for source in np.linspace(0, len(maps) - 1, SOURCES).astype(int):
        driving = [maps[j] for j in pairs[pairs[:, 0] == source, 1]]
        start = time.perf_counter()
        found = SourceTrees(maps[source]).grids(driving)
        middle = time.perf_counter()
        reference = [trees_per_pair(maps[source], frame) for frame in driving]
        end = time.perf_counter()
        ours.append((middle - start) / max(len(driving), 1))
        peer.append((end - middle) / max(len(driving), 1))
        grids += len(driving)
        targets.append(len(driving))
        for grid, other, frame in zip(found, reference, driving, strict=True):
            visible = grid.visible
            assert np.array_equal(grid.coordinates()[~visible], other[~visible])
            assert np.array_equal(distances(maps[source], frame, grid.coordinates()), distances(maps[source], frame, other))
    result = {
        "benchmark": "warp",
        "ms_per_grid": round(1e3 * float(np.median(ours)), 2),
        "peer": "new scikit-learn trees for every part and pair",
        "peer_ms_per_grid": round(1e3 * float(np.median(peer)), 2),
        "grids": grids,
        "grids_per_source": float(np.mean(targets)),
        "size": maps.shape[1],
        "cpu": platform.processor() or platform.machine(),
        "numpy": np.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
