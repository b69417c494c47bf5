"""The table of where on the body the values of a map lie."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

import densepose_cache
from densepose_cache.iuv import PART_NAMES
from densepose_cache.warp.surface import TABLE, make_table, part_positions, surface_table


@pytest.mark.parametrize("part", [2, 4])
def test_the_file_holds_what_the_chart_makes(part):
    assert np.abs(surface_table()[part] - part_positions(part)).max() <= 1e-3


@pytest.mark.slow
def test_the_file_is_what_the_chart_makes():
    made = make_table()
    assert made.dtype == np.float16
    assert np.abs(surface_table() - made.astype(np.float32)).max() <= 1e-3


def test_positions_lie_on_a_person_who_stands_upright():
    table = surface_table()
    assert table.shape == (25, 64, 64, 3)
    assert table.dtype == np.float32
    assert not table[0].any()
    height = {name: table[part, ..., 2].mean() for part, name in enumerate(PART_NAMES)}
    assert height["left foot"] < height["torso front"] < table[23:, ..., 2].mean()
    assert 1.4 < np.ptp(table[1:, ..., 2]) < 2


@pytest.mark.parametrize("left, right", [("left hand", "right hand"), ("left foot", "right foot")])
def test_x_leads_to_the_left_and_sides_are_mirrored(left, right):
    places = [surface_table()[PART_NAMES.index(name)].reshape(-1, 3).mean(0) for name in (left, right)]
    assert places[0][0] > 0.05
    assert np.allclose(places[0] * (-1, 1, 1), places[1], atol=0.03)


def test_y_leads_to_the_back():
    back, front = (surface_table()[PART_NAMES.index(name), ..., 1].mean() for name in ("torso back", "torso front"))
    assert back > front + 0.1


def test_packages_hold_the_table():
    folder = Path(densepose_cache.__file__).parent
    settings = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    patterns = settings["tool"]["setuptools"]["package-data"]["densepose_cache"]
    assert any(TABLE.relative_to(folder).match(pattern) for pattern in patterns)
