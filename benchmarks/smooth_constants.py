"""Colour errors of the source read at the smooth grid, on rendered people, for a choice of its constants.

Usage: python benchmarks/smooth_constants.py [--people 24] [--frames 16] [--size 256]

People and sources are those of `fill_constants.py`. Counted are all body pixels of the maps: the mean absolute difference between what a
pixel shows and what it reads, 0 to 1. All pixels of a person count alike, and all people do.

Prints a table of the means over people, and in brackets how each differs from the constants in use, in ten-thousandths, with the standard
error of that difference over people; first the coarse grid (`coarse`) and the filled one (`filled`).
"""

import argparse

import numpy as np
from fill_constants import SOURCES, Errors, people
from scipy.ndimage import map_coordinates

from densepose_cache.rendered.render import Frame
from densepose_cache.warp import source_frame
from densepose_cache.warp.fill import SourceSurface
from densepose_cache.warp.smooth import HAIR, NECKLINE, REACH, RIM, TOLERANCE, SmoothSurface

IN_USE = (RIM, REACH, TOLERANCE, NECKLINE, HAIR)
TRIED = [IN_USE, (0.0, *IN_USE[1:]), (2 * RIM, *IN_USE[1:]), *((RIM, reach, *IN_USE[2:]) for reach in (0, 1, 3))]
TRIED += [(RIM, REACH, tolerance, NECKLINE, HAIR) for tolerance in (TOLERANCE / 2, 2 * TOLERANCE)]
TRIED += [(RIM, REACH, TOLERANCE, neckline, HAIR) for neckline in (0.0, 0.1)]
TRIED += [(RIM, REACH, TOLERANCE, NECKLINE, hair) for hair in (0.0, 0.1)]


def read(picture: np.ndarray, way: np.ndarray) -> np.ndarray:
    """`picture` (H, W, 3) uint8 read `way` (H, W, 2) pixels from each pixel, bilinear, float64."""
    rows, columns = np.indices(way.shape[:2])
    places = [rows + way[..., 1], columns + way[..., 0]]
    return np.stack([map_coordinates(picture[..., k].astype(float), places, order=1, mode="nearest") for k in range(3)], -1)


def measure(frames: list[Frame], sources: dict[str, int]) -> Errors:
    """The errors of one person, by constants, "coarse" and "filled"."""
    errors = Errors()
    for place, number in sources.items():
        source = frames[number]
        driving = [frame for frame in frames if frame is not source]
        grids = source_frame("lattice", source.iuv).grids([frame.iuv for frame in driving])
        surface, smooth = SourceSurface(source.iuv), {constants: SmoothSurface(source.iuv, *constants) for constants in TRIED}
        for frame, grid in zip(driving, grids, strict=True):
            body = frame.iuv[..., 0] > 0
            errors.add("coarse", place, source.rgb.reshape(-1, 3)[grid.index], frame.rgb, body)
            errors.add("filled", place, source.rgb.reshape(-1, 3)[surface.fill(frame.iuv, grid.index).index], frame.rgb, body)
            for constants, laid_out in smooth.items():
                errors.add(constants, place, read(source.rgb, laid_out.grid(frame.iuv).way), frame.rgb, body)
    return errors


def constants_text(rim: float, reach: int, tolerance: float, neckline: float, hair: float) -> str:
    """The constants as the table names them."""
    return f"{128 * rim:g} / 128, {reach}, {128 * tolerance:g} / 128, {100 * neckline:g} cm, {100 * hair:g} cm"


def main():
    parser = argparse.ArgumentParser(description="Colour errors of the source read at the smooth grid, by its constants.")
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--frames", type=int, default=16, help="of every person")
    parser.add_argument("--size", type=int, default=256)
    options = parser.parse_args()
    found = [measure(frames, sources) for frames, sources in people(options.people, options.frames, options.size)]
    print("| rim, reach, tolerance, neckline, hair | all | " + " | ".join(SOURCES) + " |")
    print("|---" * (len(SOURCES) + 2) + "|")
    used = np.array([errors.mean(IN_USE) for errors in found])
    for way in ("coarse", "filled", *TRIED):
        change = np.array([errors.mean(way) for errors in found]) - used
        places = " | ".join(f"{np.nanmean([errors.mean(way, place) for errors in found]):.4f}" for place in SOURCES)
        name = way if isinstance(way, str) else constants_text(*way)
        error = 1e4 * change.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
        print(f"| {name} | {(used + change).mean():.4f} ({1e4 * change.mean():+.1f} ± {error:.1f}) | {places} |")


if __name__ == "__main__":
    main()
