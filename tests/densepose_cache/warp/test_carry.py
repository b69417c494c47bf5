"""Grids carried over the edge of the body."""

import numpy as np
import pytest
from hypothesis import given, settings
from people import turning_person
from random_maps import map_lists, random_map
from surface_search import carried_by_search

from densepose_cache.warp import coarse_warp_grid
from densepose_cache.warp.carry import REACH, carried
from densepose_cache.warp.fill import FilledGrid, SourceSurface


def filled_grid(source: np.ndarray, driving: np.ndarray) -> FilledGrid:
    return SourceSurface(source).fill(driving, coarse_warp_grid(source, driving).index)


def square_body(row: int, column: int, size: int = 64) -> np.ndarray:
    """A map (size, size, 3) with a body of 12x10 pixels, no two alike, from `row` and `column` on."""
    iuv = np.zeros((size, size, 3), np.uint8)
    body = iuv[row : row + 12, column : column + 10]
    body[..., 0] = 2
    body[..., 1:] = 10 * np.indices(body.shape[:2]).transpose(1, 2, 0)
    return iuv


def apart(driving: np.ndarray) -> np.ndarray:
    """(H, W) float: distance in pixels from the nearest body pixel."""
    rows, columns = np.nonzero(driving[..., 0])
    y, x = np.indices(driving.shape[:2])
    return np.sqrt(((y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2).min(-1))


def own(iuv: np.ndarray) -> np.ndarray:
    """Every pixel's own index."""
    return np.arange(iuv[..., 0].size).reshape(iuv.shape[:2])


def assert_equals_search(source: np.ndarray, driving: np.ndarray):
    filled = filled_grid(source, driving)
    before = filled.index.copy()
    index, edge = carried(filled, source, driving)
    assert index.dtype == filled.index.dtype
    assert edge.dtype == np.uint8
    for found, wanted in zip((index, edge), carried_by_search(filled, source, driving), strict=True):
        assert np.array_equal(found, wanted)
    assert np.array_equal(filled.index, before)


@settings(max_examples=100, deadline=None)
@given(maps=map_lists())
def test_equals_a_search_written_out(maps):
    source, *driving = maps
    for iuv in driving:
        assert_equals_search(source, iuv)


@pytest.mark.parametrize("shape", [(60, 45), (33, 90), (100, 20)])
@pytest.mark.parametrize("share", [0.002, 0.05, 0.5])
def test_scattered_bodies_equal_a_search(shape, share):
    rng = np.random.default_rng(7)
    source, driving = (random_map(rng, *shape, np.array([1, 2]), "noise") for _ in range(2))
    source[rng.random(shape) > 0.2] = 0
    driving[rng.random(shape) > share] = 0
    driving[shape[0] // 2, shape[1] // 2] = 3, 5, 5
    assert_equals_search(source, driving)


@pytest.mark.parametrize("numbers", [(0, 1), (0, 4), (2, 0)])
def test_a_turning_person_equals_a_search(numbers):
    assert_equals_search(*(turning_person(64)[number].iuv for number in numbers))


def test_around_an_unchanged_pose_the_background_reads_itself():
    iuv = square_body(20, 30)
    index, edge = carried(filled_grid(iuv, iuv), iuv, iuv)
    assert np.array_equal(index, own(iuv))
    assert np.array_equal(edge > 0, (iuv[..., 0] == 0) & (apart(iuv) <= REACH * 64))


def test_around_an_unchanged_person_the_background_reads_itself_or_its_neighbour():
    """Pixels of the body whose values are the same all read the first of them."""
    iuv = turning_person()[0].iuv
    index, edge = carried(filled_grid(iuv, iuv), iuv, iuv)
    away = np.abs(np.array(np.divmod(index.astype(int), 128)) - np.divmod(own(iuv), 128))[:, edge > 0]
    assert (away.max(0) == 0).mean() > 0.9
    assert away.max() <= 3


@pytest.mark.parametrize("shift", [(0, 9), (15, -4), (-6, 20)])
def test_a_body_that_moves_carries_its_surroundings_along(shift):
    source, driving = square_body(25, 20), square_body(25 + shift[0], 20 + shift[1])
    index, edge = carried(filled_grid(source, driving), source, driving)
    near = (driving[..., 0] == 0) & (apart(driving) <= REACH * 64)
    assert near.sum() > 200
    assert np.array_equal(index[near], own(source)[near] - 64 * shift[0] - shift[1])
    assert np.array_equal(edge > 0, near)


def test_the_body_keeps_its_grid_and_beyond_the_reach_pixels_read_themselves():
    source, driving = (turning_person()[number].iuv for number in (0, 3))
    filled = filled_grid(source, driving)
    index, edge = carried(filled, source, driving)
    body, far = driving[..., 0] > 0, apart(driving) > REACH * 128
    assert far.any()
    assert np.array_equal(index[body], filled.index[body])
    assert np.array_equal(index[far], own(source)[far])
    assert not edge[body | far].any()


@pytest.mark.parametrize("number", range(1, 8))
def test_no_way_ends_on_the_body_of_the_source(number):
    source, driving = (turning_person()[k].iuv for k in (0, number))
    index, edge = carried(filled_grid(source, driving), source, driving)
    assert (source[..., 0].ravel()[index[edge > 0]] == 0).all()
    stays = (driving[..., 0] == 0) & (edge == 0)
    assert np.array_equal(index[stays], own(source)[stays])


def test_ways_out_of_the_frame_end_at_its_border():
    source, driving = square_body(2, 3), square_body(30, 30)
    index, edge = carried(filled_grid(source, driving), source, driving)
    assert index[30 - 2, 33] == 6
    assert index[30 - 5, 33] == 6
    assert edge[30 - 5, 33] == 20
    assert index[32, 30 - 5] == 4 * 64
    assert index[30 - 4, 30 - 4] == 0


@pytest.mark.parametrize("corner", [(0, 0), (52, 54), (0, 54), (52, 0)])
def test_bodies_at_the_border_of_the_frame(corner):
    assert_equals_search(square_body(20, 20), square_body(*corner))
    assert_equals_search(square_body(*corner), square_body(20, 20))


@pytest.mark.parametrize("size", [32, 64, 512])
def test_the_distance_is_in_pixels_of_a_frame_of_256(size):
    iuv = np.zeros((size, size, 3), np.uint8)
    iuv[size // 2, size // 2] = 5, 100, 100
    _, edge = carried(filled_grid(iuv, iuv), iuv, iuv)
    steps = np.arange(1, int(REACH * size) + 1)
    assert np.array_equal(edge[size // 2, size // 2 + steps], np.maximum(np.rint(steps * 256 / size), 1))
    assert not edge[size // 2, size // 2 + steps[-1] + 1 :].any()


def test_of_equally_near_pixels_the_nearest_column_then_the_left_then_the_upper_leads():
    source, driving = np.zeros((2, 40, 40, 3), np.uint8)
    for n, place in enumerate([(8, 10), (10, 8), (12, 10), (20, 18), (20, 22), (30, 10), (34, 10)]):
        driving[place] = 2, 0, 20 * n
        source[place[0], 39 - place[1]] = 2, 0, 20 * n
    index, _ = carried(filled_grid(source, driving), source, driving)
    assert index[10, 10] == 10 * 40 + 29
    assert index[20, 20] == 20 * 40 + 21 + 2
    assert index[32, 10] == 32 * 40 + 29
    assert_equals_search(source, driving)


def test_what_is_lost_is_not_carried():
    driving = turning_person()[0].iuv
    source = np.zeros_like(driving)
    filled = filled_grid(source, driving)
    index, edge = carried(filled, source, driving)
    assert np.array_equal(index, np.where(driving[..., 0] > 0, filled.index, own(source)))
    assert not edge.any()


def test_a_driving_frame_without_a_body_reads_itself():
    source = turning_person()[0].iuv
    driving = np.zeros_like(source)
    index, edge = carried(filled_grid(source, driving), source, driving)
    assert np.array_equal(index, own(source))
    assert not edge.any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (9, 9), (300, 12)])
def test_frames_of_any_shape(shape):
    rng = np.random.default_rng(1)
    source, driving = (random_map(rng, *shape, np.array([0, 2]), "noise") for _ in range(2))
    assert_equals_search(source, driving)
    assert_equals_search(source, np.zeros_like(source))
