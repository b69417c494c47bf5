import numpy as np
from scipy.spatial.transform import Rotation

from densepose_cache.rendered.clipping import Cuts, split
from densepose_cache.rendered.figure.body import MAN, WOMAN, bone_transforms, load_body, skin, vertex_normals


def posed(rotations):
    body = load_body()
    out = np.empty_like(body.mean)
    skin(body.mean, body.skin_bones, body.skin_weights, bone_transforms(rotations[None], body.heads, body.parents)[0], out)
    return body, out


def test_the_rest_pose_is_the_rest_shape():
    body, out = posed(np.tile(np.eye(3), (104, 1, 1)))
    np.testing.assert_allclose(out, body.mean, atol=1e-5)


def test_turning_the_root_turns_everything_rigidly():
    rotations = np.tile(np.eye(3), (104, 1, 1))
    rotations[0] = Rotation.from_euler("z", 1.0).as_matrix()
    body, out = posed(rotations)
    np.testing.assert_allclose(out - body.heads[0], (body.mean - body.heads[0]) @ rotations[0].T, atol=1e-5)


def test_an_elbow_moves_the_hand_and_not_the_foot():
    body = load_body()
    rotations = np.tile(np.eye(3), (104, 1, 1))
    rotations[body.bone("lowerarm01.L")] = Rotation.from_euler("x", -1.0).as_matrix()
    _, out = posed(rotations)
    moved = np.linalg.norm(out - body.mean, axis=1)
    hand = body.skin_weights[np.arange(len(moved)), 0] * (body.skin_bones[:, 0] == body.bone("finger3-1.L")) > 0.5
    assert moved[hand].min() > 0.1
    assert moved[body.mean[:, 2] < -0.2].max() < 1e-5


def test_drawn_people_are_people():
    body = load_body()
    rng = np.random.default_rng(0)
    for sex in (MAN, WOMAN):
        for _ in range(20):
            vertices, heads = body.shape(body.draw_coefficients(rng, sex))
            assert 1.4 < np.ptp(vertices[:, 2]) < 2.2
            assert heads[body.bone("head"), 2] > heads[body.bone("spine05"), 2] > heads[body.bone("foot.L"), 2]
            normals, mean = vertex_normals(vertices, body.faces["body"]), vertex_normals(body.mean, body.faces["body"])
            assert np.mean(np.einsum("nc,nc->n", normals, mean) < 0) < 0.01


def test_split_keeps_the_area_and_separates_the_sides():
    body = load_body()
    faces, cuts = body.faces["skirt"], Cuts.none(len(body.mean))
    positive, negative, cuts = split(faces, body.mean[:, 2] + 0.1, cuts)
    points = cuts.extend(body.mean.astype(np.float64))

    def area(of):
        corners = points[of]
        return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()

    assert abs((area(positive) + area(negative)) / area(faces) - 1) < 1e-6
    assert points[positive][..., 2].min() >= -0.1 - 1e-6
    assert points[negative][..., 2].max() <= -0.1 + 1e-6
