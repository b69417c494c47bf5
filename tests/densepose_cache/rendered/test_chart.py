import numpy as np

from densepose_cache.rendered.figure.body import load_body
from densepose_cache.rendered.figure.chart import PARTS, TABLES, bilinear, chart_mesh, unwrapped


def surface():
    body, mesh = load_body(), chart_mesh()
    points = mesh.cuts.extend(body.mean.astype(np.float64))[mesh.faces]
    area = np.linalg.norm(np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]), axis=1) / 2
    return mesh, points, area


def test_the_parts_tile_the_body_exactly_once():
    body = load_body()
    mesh, _, area = surface()
    corners = body.mean[body.faces["body"]].astype(np.float64)
    whole = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert abs(area.sum() / whole.sum() - 1) < 1e-5
    assert set(np.unique(mesh.part)) == set(range(1, 25))


def test_left_and_right_parts_mirror_each_other():
    mesh, points, area = surface()
    for right, left in ((3, 4), (6, 5), (7, 8), (9, 10), (11, 12), (13, 14), (16, 15), (18, 17), (20, 19), (22, 21), (23, 24)):
        areas = [area[mesh.part == part].sum() for part in (right, left)]
        assert abs(areas[0] / areas[1] - 1) < 0.05, (right, left)
        assert points[mesh.part == right][..., 0].mean() < 0 < points[mesh.part == left][..., 0].mean()


def test_parts_lie_where_densepose_has_them():
    mesh, points, _ = surface()
    centre = {part: points[mesh.part == part].reshape(-1, 3).mean(0) for part in range(1, 25)}
    assert centre[2][1] < centre[1][1]
    for front, back in ((9, 7), (10, 8), (13, 11), (14, 12)):
        assert centre[front][1] < centre[back][1]
    assert centre[23][2] > centre[2][2] > centre[9][2] > centre[13][2] > centre[6][2]


def test_directions_follow_densepose():
    mesh, points, _ = surface()

    def correlation(part, channel, axis):
        mine = mesh.part == part
        return np.corrcoef(mesh.uv[mine][..., channel].ravel(), points[mine][..., axis].ravel())[0, 1]

    for part in (1, 2, 7, 8, 13, 14):
        assert correlation(part, 0, 2) < -0.9
    for part in (9, 10, 11, 12):
        assert correlation(part, 0, 2) > 0.9
    for part in (1, 2):
        assert correlation(part, 1, 0) < -0.8
    for part in (23, 24):
        assert correlation(part, 1, 2) > 0.8
    assert correlation(23, 0, 1) < 0 < correlation(24, 0, 1)


def test_part_groups_name_every_part_once():
    assert sorted(part for parts in PARTS.values() for part in parts) == list(range(1, 25)) == sorted(TABLES)


def test_values_stay_in_a_byte():
    uv = chart_mesh().uv
    assert uv.min() >= 0
    assert uv.max() <= 255


def test_bilinear_reproduces_a_plane():
    p, q = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5), indexing="ij")
    where = np.random.default_rng(0).random((50, 2))
    np.testing.assert_allclose(bilinear((3 * p - 2 * q + 1)[None], where)[0], 3 * where[:, 0] - 2 * where[:, 1] + 1, atol=1e-12)


def test_unwrapped_angles_do_not_jump():
    angles = unwrapped(np.array([[0.95, 0.99, 0.02], [0.01, 0.03, 0.97], [0.4, 0.5, 0.6]]))
    np.testing.assert_allclose(angles, [[0.95, 0.99, 1.0], [0.01, 0.03, 0.0], [0.4, 0.5, 0.6]])
