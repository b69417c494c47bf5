"""Cut-outs in pictures: places, labels, mirrored people, what hides what."""

import numpy as np
import pytest

from densepose_cache.iuv_network.flips import mirror
from densepose_cache.iuv_network.training.compose import Scene
from densepose_cache.iuv_network.training.people import CutOut, Studio

ONES = np.ones(3)


@pytest.fixture(scope="module")
def person() -> CutOut:
    studio = Studio(np.random.default_rng(5), 2)
    return studio.render(0)


def still(x: float = 0, y: float = 0, scale: float = 1) -> np.ndarray:
    return np.array([[scale, 0, x], [0, scale, y]], float)


def test_a_person_in_place_has_its_own_colours_and_labels(person):
    height, width = (4 * -(-side // 4) for side in person.iuv.shape[:2])
    scene = Scene(np.full((height, width, 3), 100, np.uint8))
    scene.add(person, still(), False, ONES)
    h, w = person.iuv.shape[:2]
    solid = person.rgba[..., 3] == 255
    assert np.abs(scene.picture[:h, :w][solid] - person.rgba[..., :3][solid]).max() < 0.01
    empty = person.rgba[..., 3] == 0
    assert (scene.picture[:h, :w][empty] == 100).all()
    rows, columns = h // 2, w // 2
    assert (scene.half[:rows, :columns] == person.iuv[1 : 2 * rows : 2, 1 : 2 * columns : 2]).all()
    rows, columns = h // 4, w // 4
    assert (scene.quarter[:rows, :columns] == person.iuv[2 : 4 * rows : 4, 2 : 4 * columns : 4]).all()


def test_a_mirrored_person_has_mirrored_labels(person):
    h, w = person.iuv.shape[:2]
    size = 4 * -(-max(h, w) // 4)
    scene = Scene(np.zeros((size, size, 3), np.uint8))
    scene.add(person, np.array([[-1, 0, w - 0.5], [0, 1, 0]], float), True, ONES)
    wanted = np.zeros((size, size, 3), np.uint8)
    wanted[:h, :w] = mirror(person.iuv)
    assert (scene.half == wanted[1::2, 1::2]).all()


def test_who_is_in_front_hides_the_other_with_clothes_too(person):
    h, w = person.iuv.shape[:2]
    size = 4 * -(-max(h, w) // 4) + 8
    scene = Scene(np.zeros((size, size, 3), np.uint8))
    scene.half[:] = scene.quarter[:] = 7
    scene.add(person, still(), False, ONES)
    cloth = (person.rgba[..., 3] == 255) & (person.iuv[..., 0] == 0)
    seen = np.zeros((size, size), bool)
    seen[:h, :w] = cloth
    assert cloth.any()
    assert (scene.half[seen[1::2, 1::2]] == 0).all()
    nothing = np.ones((size, size), bool)
    nothing[:h, :w] = (person.rgba[..., 3] == 0) & (person.iuv[..., 0] == 0)
    assert (scene.half[nothing[1::2, 1::2]] == 7).all()


def test_cover_and_shade(person):
    scene = Scene(np.full((256, 256, 3), 200, np.uint8))
    scene.shade(person, still(), 0.5)
    solid = person.rgba[..., 3] == 255
    assert scene.picture[: person.iuv.shape[0], : person.iuv.shape[1]].min() >= 99
    assert scene.picture[: person.iuv.shape[0], : person.iuv.shape[1]][solid].mean() < 140
    assert not scene.half.any()
    scene.add(person, still(), False, ONES)
    scene.cover(np.ones((256, 256), bool), np.zeros((256, 256, 3), np.uint8))
    assert not scene.picture.any() and not scene.half.any() and not scene.quarter.any()
