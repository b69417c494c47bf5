"""Where on the body the values of an IUV map lie: rest-pose positions of DensePose's charts.

The table is made from the rendered people's chart (`python -m densepose_cache.warp.surface` writes it anew), which was fitted on maps of
two real clips.
"""

import functools
from pathlib import Path

import numpy as np

from ..iuv import PARTS

BINS = 64
"""Values of U, and of V, that the table tells apart."""
SHIFT = 2
"""Bits by which a byte of U or V becomes the number of its bin."""
TABLE = Path(__file__).with_name("surface.npz")


@functools.lru_cache(maxsize=1)
def surface_table() -> np.ndarray:
    """Positions (25, 64, 64, 3) float32 in metres by part, U bin and V bin: x to the body's left, y to its back, z up; zero for part 0.

    Bins outside of a part's chart have the position of its nearest point. Never change it in place.
    """
    with np.load(TABLE) as file:
        return file["positions"].astype(np.float32)


def make_table() -> np.ndarray:
    """The table (25, 64, 64, 3) float16, computed from the chart of the mean body; takes most of a minute."""
    table = np.zeros((PARTS + 1, BINS, BINS, 3), np.float16)
    for part in range(1, PARTS + 1):
        table[part] = part_positions(part)
    return table


def part_positions(part: int) -> np.ndarray:
    """The positions (64, 64, 3) float64 of one part, computed from the chart of the mean body."""
    from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

    from ..rendered.figure.body import load_body
    from ..rendered.figure.chart import chart_mesh

    mesh = chart_mesh()
    points = mesh.cuts.extend(load_body().mean.astype(np.float64), 0)
    values = (np.arange(BINS) + 0.5) * (1 << SHIFT) - 0.5
    u, v = np.meshgrid(values, values, indexing="ij")
    faces = mesh.part == part
    uv = mesh.uv[faces].reshape(-1, 2).astype(np.float64)
    uv += np.random.default_rng(0).normal(0, 1e-3, uv.shape)  # corners that faces share are one point several times
    places = points[mesh.faces[faces]].reshape(-1, 3)
    inside = LinearNDInterpolator(uv, places)(u, v)
    return np.where(np.isnan(inside), NearestNDInterpolator(uv, places)(u, v), inside)


if __name__ == "__main__":
    np.savez_compressed(TABLE, positions=make_table())
