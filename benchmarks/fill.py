"""Milliseconds of one core per frame to fill coarse warp grids, to carry them over the body's edge and to make smooth ones.

Usage: python benchmarks/fill.py [--people N] [--frames N] [MAPS ...]
MAPS are folders of IUV PNGs or side files `.iuv.h5`; without them, N rendered people who turn right round at 256x256.

Two kinds of work are timed, both on grids that are there already:
- `further`: four source frames of every clip serve all its other frames, one after the other, as in a video from one photograph. What is
  made once for a source is not counted.
- `consecutive`: every frame serves the next one alone, with all that is made for it.

The ways, one after the other for every frame, in processor time of one thread: `grid` is the coarse grid itself by the engine `lattice`;
`fill` the surface fill; `fill_carry` the fill and the way over the body's edge; `smooth` the smooth grid, which needs none of the others;
`kdtree` the usual way to fill, written out below: SciPy's cKDTree over the surface points of the source's body pixels, asked for those of
the lost driving pixels and for the same points mirrored.
Compiling is not counted. The fill and the trees must find pixels at equal distance.

Prints one JSON line: for every set of maps and kind of work the number of frames, the mean shares of body and lost pixels in a frame, for
every way the median and the mean in ms, and of the means the ratios `kdtree` over `fill`, and `fill`, `fill_carry` and `smooth`
over `grid`.
"""

import argparse
import json
from pathlib import Path

import numba
import numpy as np
import scipy
from scipy.spatial import cKDTree
from warp import processor, read_maps, timed

from densepose_cache.rendered.render import RenderedClip
from densepose_cache.warp import source_frame, visible_pixels
from densepose_cache.warp.carry import carried
from densepose_cache.warp.fill import MIRROR, SourceSurface, weighted_table
from densepose_cache.warp.smooth import SmoothSurface
from densepose_cache.warp.surface import BINS, SHIFT

WAYS = ("grid", "fill", "fill_carry", "smooth", "kdtree")
RATIOS = (("kdtree", "fill"), ("fill", "grid"), ("fill_carry", "grid"), ("smooth", "grid"))
SEED = 9100
"""Seed of the first rendered person."""


def rendered_maps(number: int, frames: int) -> np.ndarray:
    """IUV maps (frames, 256, 256, 3) uint8 of a person who turns right round."""
    clip = RenderedClip(np.random.default_rng(SEED + number), size=256, frames=frames, fps=frames / 10, motion="turn", wide=True)
    return np.stack([frame.iuv for frame in clip])


def surface_points(iuv: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Places (n, 3) float32 of the pixels `where` (H, W) bool of a map, as the fill measures distances."""
    part, u, v = np.moveaxis(iuv[where].astype(int), 1, 0)
    return weighted_table()[(part * BINS + (u >> SHIFT)) * BINS + (v >> SHIFT)]


class Trees:
    """The peer: a k-d tree over all body pixels of a source map."""

    def __init__(self, source: np.ndarray):
        self.source = source
        self.pixels = np.flatnonzero(source[..., 0])
        self.tree = cKDTree(surface_points(source, source[..., 0] > 0)) if len(self.pixels) else None

    def fill(self, driving: np.ndarray, index: np.ndarray) -> np.ndarray:
        """The filled grid (H, W)."""
        filled, lost = index.copy(), lost_pixels(self.source, driving)
        if self.tree and lost.any():
            points = surface_points(driving, lost)
            own, nearest = self.tree.query(points)
            other, mirrored = self.tree.query(points * np.array([-1, 1, 1]))
            filled[lost] = self.pixels[np.where(other + MIRROR < own, mirrored, nearest)]
        return filled


def lost_pixels(source: np.ndarray, driving: np.ndarray) -> np.ndarray:
    """(H, W) bool: body pixels of the driving map whose part the source lacks."""
    return (driving[..., 0] > 0) & ~visible_pixels(source, driving)


def check(source: np.ndarray, driving: np.ndarray, ours: np.ndarray, theirs: np.ndarray):
    """Stop unless two filled grids read pixels that are equally far where something was lost, and are equal elsewhere."""
    lost = lost_pixels(source, driving)
    assert np.array_equal(ours[~lost], theirs[~lost])
    if not source[..., 0].any():
        return
    here, places = surface_points(driving, lost), surface_points(source, np.ones(lost.shape, bool))
    far = []
    for index in (ours, theirs):
        there = places[index[lost]]
        own, other = (np.linalg.norm(there - here * np.array([side, 1, 1]), axis=1) for side in (1, -1))
        far.append(np.minimum(own, other + MIRROR))
    assert np.allclose(*far, atol=1e-5)


class Times:
    """Milliseconds by way, and the shares of pixels, of every frame of one kind of work."""

    def __init__(self):
        self.ms: dict[str, list[float]] = {way: [] for way in WAYS}
        self.body: list[float] = []
        self.lost: list[float] = []

    def measure(self, source: np.ndarray, driving: np.ndarray, made: tuple | None):
        """Time one frame, all that its source needs included unless it is `made`: lattice, surface, smooth surface, trees."""
        lattice, surface, smooth, trees = made or (None, None, None, None)
        took, (grid,) = timed(lambda: (lattice or source_frame("lattice", source)).grids([driving]))
        self.ms["grid"].append(took)
        took, filled = timed(lambda: (surface or SourceSurface(source)).fill(driving, grid.index))
        self.ms["fill"].append(took)
        self.ms["fill_carry"].append(took + timed(carried, filled, source, driving)[0])
        self.ms["smooth"].append(timed(lambda: (smooth or SmoothSurface(source)).grid(driving))[0])
        took, theirs = timed(lambda: (trees or Trees(source)).fill(driving, grid.index))
        self.ms["kdtree"].append(took)
        check(source, driving, filled.index, theirs)
        self.body.append((driving[..., 0] > 0).mean())
        self.lost.append(lost_pixels(source, driving).mean())

    def summary(self) -> dict:
        mean = {way: np.mean(values) for way, values in self.ms.items()}
        result = {"frames": len(self.body), "body": np.mean(self.body), "lost": np.mean(self.lost)}
        result |= {way: {"median_ms": np.median(values), "ms": mean[way]} for way, values in self.ms.items()}
        ratios = {f"{above} over {below}": mean[above] / mean[below] for above, below in RATIOS}
        return rounded(result | ratios)


def rounded(values: dict) -> dict:
    return {name: rounded(value) if isinstance(value, dict) else round(float(value), 3) for name, value in values.items()}


def measure(clips: list[np.ndarray]) -> dict:
    """Summaries of both kinds of work on maps (T, H, W, 3) uint8."""
    further, consecutive = Times(), Times()
    for maps in clips:
        for number in np.unique(np.linspace(0, len(maps) - 1, 5).astype(int))[:-1]:
            source = maps[number]
            made = source_frame("lattice", source), SourceSurface(source), SmoothSurface(source), Trees(source)
            for target in range(len(maps)):
                if target != number:
                    further.measure(source, maps[target], made)
        for number in range(len(maps) - 1):
            consecutive.measure(maps[number], maps[number + 1], None)
    return {"further": further.summary(), "consecutive": consecutive.summary()}


def compile_all(iuv: np.ndarray):
    grid = source_frame("lattice", iuv).grids([iuv])[0]
    carried(SourceSurface(iuv).fill(iuv, grid.index), iuv, iuv)
    SmoothSurface(iuv).grid(iuv)


def main():
    parser = argparse.ArgumentParser(description="Measure the surface fill of coarse warp grids.")
    parser.add_argument("maps", nargs="*", type=Path, help="folders of IUV PNGs, or side files .iuv.h5")
    parser.add_argument("--people", type=int, default=8, help="rendered people, where there are no maps")
    parser.add_argument("--frames", type=int, default=32, help="of every rendered person")
    options = parser.parse_args()
    if options.maps:
        sets = {str(path): [read_maps(path)] for path in options.maps}
    else:
        sets = {"rendered 256": [rendered_maps(number, options.frames) for number in range(options.people)]}
    compile_all(next(iter(sets.values()))[0][0])
    result = {"benchmark": "fill", "peer": "SciPy's cKDTree over the source's body pixels", "sets": {}}
    result["sets"] = {name: measure(clips) for name, clips in sets.items()}
    versions = {"numpy": np.__version__, "scipy": scipy.__version__, "numba": numba.__version__}
    print(json.dumps(result | {"cpu": processor(), "versions": versions}))


if __name__ == "__main__":
    main()
