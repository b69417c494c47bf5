"""Labels of clothes that stand off the body."""

import numpy as np
import pytest

from densepose_cache.iuv_network.training.clothed import NEAR, REACH, TROUSERS, label_clothes, reaches
from densepose_cache.iuv_network.training.people import Studio
from densepose_cache.rendered.figure.person import BOTTOM, HAIR, SKIN, SLEEVE


def test_clothes_take_the_label_of_the_nearest_body_pixel():
    iuv, reach = np.zeros((9, 12, 3), np.uint8), np.zeros((9, 12))
    iuv[:, 4] = [2, 10, 20]
    iuv[:, 5] = [1, 30, 40]
    reach[:, :] = 2
    reach[0] = 0
    found = label_clothes(iuv, reach)
    assert (found[:, 4:6] == iuv[:, 4:6]).all()
    assert (found[1:, 2:4] == [2, 10, 20]).all() and (found[1:, 6:8] == [1, 30, 40]).all()
    assert not found[:, :2].any() and not found[:, 8:].any() and not found[0, :4].any()


def test_trousers_are_legs_and_skirts_are_not():
    assert reaches(True)[BOTTOM] == TROUSERS > reaches(False)[BOTTOM] == NEAR == reaches(True)[SKIN]
    assert reaches(True)[SLEEVE] == reaches(False)[SLEEVE] == REACH[SLEEVE] > 0 == reaches(True)[HAIR]


@pytest.mark.parametrize(("seed", "trousers"), [(1, True), (5, False)])
def test_rendered_clothes_are_labelled_as_far_as_they_reach(seed, trousers):
    studio = Studio(np.random.default_rng(seed), 2)
    assert bool(studio.figure.looks.leg) == trousers
    person = studio.render(0)
    clothed, body = person.rgba[..., 3] == 255, person.iuv[..., 0] > 0
    share = (clothed & ~body).sum() / clothed.sum()
    assert share < 0.06 if trousers else share > 0.06
