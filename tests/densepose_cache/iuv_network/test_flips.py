"""Mirrored pictures: parts, U and V against the chart laid over the mirrored body."""

import numpy as np
from scipy.spatial import cKDTree

from densepose_cache.iuv_network.flips import MIRRORED, mirror, mirror_values
from densepose_cache.rendered.figure.body import load_body
from densepose_cache.rendered.figure.chart import chart_mesh


def points_of(part: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) in metres spread over a part of the mean body, and their U, V (n, 2)."""
    chart = chart_mesh()
    vertices = chart.cuts.extend(load_body().mean.astype(float))
    faces = np.flatnonzero(chart.part == part)
    triangles = vertices[chart.faces[faces]]
    areas = np.linalg.norm(np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]), axis=1)
    drawn, weights = rng.choice(len(faces), count, p=areas / areas.sum()), rng.dirichlet((1, 1, 1), count)
    return np.einsum("nk,nkc->nc", weights, triangles[drawn]), np.einsum("nk,nkc->nc", weights, chart.uv[faces[drawn]])


def test_the_chart_of_the_mirrored_body_follows_the_rules():
    rng = np.random.default_rng(0)
    spread = {part: points_of(part, 3000, rng) for part in range(1, 25)}
    for part, (points, uv) in spread.items():
        other, other_uv = spread[int(MIRRORED[part])]
        _, nearest = cKDTree(other).query(points * [-1, 1, 1])
        said = mirror_values(np.column_stack([np.full(len(uv), part), np.round(uv)]).astype(np.uint8)).astype(float)
        assert (said[:, 0] == MIRRORED[part]).all()
        gap = np.median(np.abs(said[:, 1:] - other_uv[nearest]), 0)
        unturned = np.median(np.abs(uv - other_uv[nearest]), 0)
        assert gap.max() < 3, f"part {part}: {gap}"
        turned = (said[:, 1:] != np.round(uv)).mean(0) > 0.5
        assert (unturned[turned] > 20).all(), f"part {part} would need no turn"


def test_mirroring_twice_gives_the_map_back():
    rng = np.random.default_rng(1)
    iuv = rng.integers(0, 256, (4, 6, 3), np.uint8)
    iuv[..., 0] %= 25
    assert (mirror(mirror(iuv)) == iuv).all()
    assert (mirror(iuv)[:, 0, 0] == MIRRORED[iuv[:, -1, 0]]).all()
