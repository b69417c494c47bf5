"""Colour errors of the surface fill on rendered people, for a choice of its constants DEPTH and MIRROR.

Usage: python benchmarks/fill_constants.py [--people 24] [--frames 16] [--depths 0.1 0.25 0.5 1] [--mirrors 0 0.02 0.05 0.1 inf]

Every person turns right round at 256x256, in clothes and before scenes of all kinds. Sources are the frames in which a person comes nearest
to facing the camera, to either side and to the back; all other frames are filled from each. Counted are body pixels of the maps whose part
the source does not show: the mean absolute difference between what a pixel shows and what it reads, 0 to 1. Of clothed people that is the
cloth over the body, in the light of either frame. All pixels of a person count alike, and all people do.

Prints a table of the means over people, and in brackets how each differs from the constants in use, in ten-thousandths, with the standard
error of that difference over people. A JSON line follows with errors by source: `filled` with the constants in use; `unfilled`, where the
grid reads the source's top-left pixel; and `shown`, at the pixels of the parts that the source does show.
"""

import argparse
import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from warp import processor

from densepose_cache.rendered.render import Frame, RenderedClip
from densepose_cache.warp import source_frame, visible_pixels
from densepose_cache.warp.fill import DEPTH, MIRROR, SourceSurface

SEED = 9000
"""Seed of the first person."""
SOURCES = {"front": 0, "side": 90, "other side": -90, "back": 180}
"""Headings in degrees; at 0 a person faces the camera."""


class Pair(NamedTuple):
    """A driving frame and its unfilled grid."""

    frame: Frame
    index: np.ndarray
    """(H, W) unsigned, as in `WarpGrid`."""
    lost: np.ndarray
    """(H, W) bool: body pixels whose part the source does not show."""


def people(count: int, frames: int, size: int = 256) -> Iterator[tuple[list[Frame], dict[str, int]]]:
    """Every person's frames, and the numbers of those that serve as sources."""
    for number in range(count):
        clip = RenderedClip(np.random.default_rng(SEED + number), size=size, frames=frames, fps=frames / 10, motion="turn", wide=True)
        turns = {name: np.cos(clip.motion.heading - np.radians(degrees)) for name, degrees in SOURCES.items()}
        yield list(clip), {name: int(turn.argmax()) for name, turn in turns.items()}


def pairs(source: Frame, frames: list[Frame]) -> list[Pair]:
    """All `frames` but the source itself, driven from it."""
    driving = [frame for frame in frames if frame is not source]
    grids = source_frame("lattice", source.iuv).grids([frame.iuv for frame in driving])
    lost = [(frame.iuv[..., 0] > 0) & ~visible_pixels(source.iuv, frame.iuv) for frame in driving]
    return [Pair(frame, grid.index, mask) for frame, grid, mask in zip(driving, grids, lost, strict=True)]


class Errors:
    """Sum of the absolute differences of colours and number of pixels, by way of filling and by source."""

    def __init__(self):
        self.sums: dict[tuple, np.ndarray] = {}

    def add(self, way, place: str, there: np.ndarray, real: np.ndarray, where: np.ndarray):
        """Count the pixels `where` (H, W) bool of the picture `there` (H, W, 3) that stands in for `real` (H, W, 3) uint8."""
        error = np.abs(there[where].astype(np.float32) - real[where]).sum() / (3 * 255)
        self.sums[way, place] = self.sums.get((way, place), 0) + np.array([error, where.sum()])

    def mean(self, way, *places: str) -> float:
        """The error of a pixel in pictures from the sources `places`, by default all; NaN where there is no pixel."""
        error, count = sum(self.sums[way, place] for place in places or SOURCES)
        return error / count if count else np.nan


def measure(frames: list[Frame], sources: dict[str, int], constants: list[tuple[float, float]]) -> Errors:
    """The errors of one person, by (depth, mirror), "unfilled" and "shown"."""
    errors = Errors()
    for place, number in sources.items():
        source = frames[number]
        colours = source.rgb.reshape(-1, 3)
        driven = pairs(source, frames)
        for frame, index, lost in driven:
            errors.add("unfilled", place, colours[index], frame.rgb, lost)
            errors.add("shown", place, colours[index], frame.rgb, (frame.iuv[..., 0] > 0) & ~lost)
        for depth, mirror in constants:
            surface = SourceSurface(source.iuv, depth, mirror)
            for frame, index, lost in driven:
                errors.add((depth, mirror), place, colours[surface.fill(frame.iuv, index).index], frame.rgb, lost)
    return errors


def print_table(found: list[Errors], depths: list[float], mirrors: list[float]):
    """A table of errors by depth (rows) and mirror (columns), with the difference from the constants in use and its standard error."""
    print("| DEPTH \\ MIRROR | " + " | ".join(f"{100 * mirror:g} cm" if np.isfinite(mirror) else "never" for mirror in mirrors) + " |")
    print("|---" * (len(mirrors) + 1) + "|")
    used = np.array([errors.mean((DEPTH, MIRROR)) for errors in found])
    for depth in depths:
        cells = []
        for mirror in mirrors:
            means = np.array([errors.mean((depth, mirror)) for errors in found])
            change = means - used
            cells.append(f"{means.mean():.4f} ({1e4 * change.mean():+.1f} ± {1e4 * change.std(ddof=1) / np.sqrt(len(found)):.1f})")
        print(f"| {depth:g} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description="Colour errors of the surface fill by its constants.")
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--frames", type=int, default=16, help="of every person")
    parser.add_argument("--depths", type=float, nargs="+", default=[0.1, 0.25, 0.5, 1])
    parser.add_argument("--mirrors", type=float, nargs="+", default=[0, 0.02, 0.05, 0.1, np.inf], help="in metres")
    options = parser.parse_args()
    constants = list(dict.fromkeys([(DEPTH, MIRROR), *((depth, mirror) for depth in options.depths for mirror in options.mirrors)]))
    found = [measure(frames, sources, constants) for frames, sources in people(options.people, options.frames)]
    print_table(found, options.depths, options.mirrors)
    result = {"benchmark": "fill_constants", "people": len(found), "in use": [DEPTH, MIRROR]}
    for name, way in {"filled": (DEPTH, MIRROR), "unfilled": "unfilled", "shown": "shown"}.items():
        means = {"all": np.mean([errors.mean(way) for errors in found])}
        means |= {place: np.nanmean([errors.mean(way, place) for errors in found]) for place in SOURCES}
        result[name] = {place: round(float(value), 4) for place, value in means.items()}
    result["lost_pixels"] = int(sum(errors.sums["unfilled", place][1] for errors in found for place in SOURCES))
    print(json.dumps(result | {"cpu": processor()}))


if __name__ == "__main__":
    main()
