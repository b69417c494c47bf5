"""Every engine against a search written out, on random, real and rendered maps."""

from concurrent.futures import ThreadPoolExecutor
from typing import get_args

import numpy as np
import pytest
from hypothesis import example, given, settings
from natsort import natsorted
from random_maps import KINDS, brute_force, map_lists, random_map

from densepose_cache.config import WarpSettings
from densepose_cache.iuv import read_iuv_png
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.warp import ENGINES, source_frame, visible_pixels

CLIPS = ["fashion/1", "taichi/1"]


def one_point(part: int, *places: tuple[int, int]) -> np.ndarray:
    """A map (16, 16, 3) uint8 that is background but for one pixel of `part` at each (U, V) of `places`."""
    iuv = np.zeros((16, 16, 3), np.uint8)
    for n, place in enumerate(places):
        iuv.reshape(-1, 3)[100 - n] = part, *place
    return iuv


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=200, deadline=None)
@given(maps=map_lists())
@example(maps=[one_point(3, (0, 0)), one_point(3, (255, 255), (255, 254), (254, 255), (0, 255), (255, 0))])
@example(maps=[one_point(24, (255, 0), (0, 255)), one_point(24, (0, 0), (255, 255), (127, 127), (128, 128))])
@example(maps=[one_point(7, (100, 250), (100, 0)), one_point(7, (90, 2), (110, 253), (0, 125))])
def test_equals_brute_force_ties_included(engine, maps):
    source, *driving = maps
    frame = source_frame(engine, source)
    for grid, iuv in zip(frame.grids(driving), driving, strict=True):
        assert grid.index.dtype == np.uint16
        assert np.array_equal(grid.index, brute_force(source, iuv))
        assert np.array_equal(grid.visible, visible_pixels(source, iuv))
    again = frame.grids(driving[::-1])
    alone = [source_frame(engine, source).grids([iuv])[0] for iuv in driving[::-1]]
    assert all(np.array_equal(a.index, b.index) for a, b in zip(again, alone, strict=True))


def visible_by_definition(source: np.ndarray, driving: np.ndarray) -> np.ndarray:
    parts = {int(part) for part in source[..., 0].ravel()} - {0}
    matched = np.array([[int(part) in parts for part in row] for row in driving[..., 0]])
    return matched | ((source[..., 0] == 0) & (driving[..., 0] == 0))


@settings(max_examples=50, deadline=None)
@given(maps=map_lists())
def test_visible_pixels_are_those_with_a_partner(maps):
    source, *driving = maps
    for iuv in driving:
        assert np.array_equal(visible_pixels(source, iuv), visible_by_definition(source, iuv))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_whole_chart_finds_every_code(engine):
    """256x256 pixels that hold every (U, V) of one part once, in random order: every driving pixel has a partner at distance 0."""
    rng = np.random.default_rng(3)
    source, driving = np.full((2, 256, 256, 3), 11, np.uint8)
    order, wanted = rng.permutation(1 << 16), rng.permutation(1 << 16)
    for iuv, codes in ((source, order), (driving, wanted)):
        iuv.reshape(-1, 3)[:, 1], iuv.reshape(-1, 3)[:, 2] = np.divmod(codes, 256)
    index = source_frame(engine, source).grids([driving])[0].index
    assert np.array_equal(order[index.ravel()], wanted)


@pytest.mark.parametrize("engine", ENGINES)
def test_wide_maps_with_ties_equal_brute_force(engine):
    rng = np.random.default_rng(5)
    source, driving = rng.integers(0, 12, (2, 40, 50, 3), dtype=np.uint8)
    assert np.array_equal(source_frame(engine, source).grids([driving])[0].index, brute_force(source, driving))


@pytest.mark.parametrize("engine", ENGINES)
def test_ties_at_the_far_end_of_the_chart_go_to_the_lowest_index(engine):
    source, driving = np.zeros((2, 256, 256, 3), np.uint8)
    source[255, 254], source[255, 255] = (3, 255, 254), (3, 254, 255)
    driving[7, 7] = 3, 0, 0
    assert source_frame(engine, source).grids([driving])[0].index[7, 7] == 255 * 256 + 254


@pytest.mark.parametrize("engine", ENGINES)
def test_large_frames_have_wide_indices(engine):
    source, driving = np.zeros((2, 300, 300, 3), np.uint8)
    source[299, 290:] = 5, 9, 9
    driving[10] = 5, 200, 3
    grid = source_frame(engine, source).grids([driving])[0]
    assert grid.index.dtype == np.uint32
    assert (grid.index[10] == 299 * 300 + 290).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_views_and_read_only_maps_are_searched_as_they_are(engine):
    rng = np.random.default_rng(8)
    maps = [random_map(rng, 20, 31, np.arange(4), "noise") for _ in range(2)]
    views = [np.ascontiguousarray(iuv[:, ::-1])[:, ::-1] for iuv in maps]
    frozen = [iuv.copy() for iuv in maps]
    for iuv in frozen:
        iuv.flags.writeable = False
    wanted = brute_force(*maps)
    for source, driving in (views, frozen):
        assert np.array_equal(source_frame(engine, source).grids([driving])[0].index, wanted)


@pytest.mark.parametrize("engine", ENGINES)
def test_sizes_and_values_that_do_not_fit_are_refused(engine):
    good = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match="differ in size"):
        source_frame(engine, good).grids([np.zeros((4, 5, 3), np.uint8)])
    for bad in (np.full((4, 4, 3), 25, np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)):
        with pytest.raises(ValueError, match="24"):
            source_frame(engine, bad)
        with pytest.raises(ValueError, match="24"):
            source_frame(engine, good).grids([good, bad])


def test_engines_are_those_of_the_settings():
    assert set(ENGINES) == set(get_args(WarpSettings.model_fields["engine"].annotation))
    with pytest.raises(ValueError, match="no warp engine 'fastest'"):
        source_frame("fastest", np.zeros((4, 4, 3), np.uint8))


def test_one_lattice_serves_several_threads():
    rng = np.random.default_rng(4)
    source, *driving = (random_map(rng, 30, 30, np.arange(6), kind) for kind in 3 * KINDS)
    frame = source_frame("lattice", source)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda iuv: frame.grids([iuv])[0].index, driving))
    for index, iuv in zip(found, driving, strict=True):
        assert np.array_equal(index, brute_force(source, iuv))


def assert_engines_agree(source: np.ndarray, driving: list[np.ndarray]):
    first, *others = (source_frame(engine, source).grids(driving) for engine in ENGINES)
    for grids in others:
        for ours, wanted in zip(grids, first, strict=True):
            assert ours.index.dtype == wanted.index.dtype
            assert np.array_equal(ours.index, wanted.index)
            assert np.array_equal(ours.visible, wanted.visible)


@pytest.mark.parametrize("clip", CLIPS)
def test_engines_agree_on_real_maps(test_data, clip):
    """Next frames, far ones, and front views against back views, which lack whole parts."""
    paths = natsorted((test_data / "data/ubc_sample" / clip / "dp_target").glob("*_IUV.png"))
    maps = {number: read_iuv_png(paths[number]) for number in (0, 1, 60, 120, 121, 200, 201, 300)}
    for source in (0, 120, 200, 300):
        assert_engines_agree(maps[source], list(maps.values()))


@pytest.mark.parametrize("size", [128, 512])
def test_engines_agree_on_rendered_maps(size):
    clip = RenderedClip(np.random.default_rng(6), size=size, frames=24, fps=4, motion="turn", background="plain")
    maps = [clip.render(t).iuv for t in (0, 1, 7, 14)]
    assert all((iuv[..., 0] > 0).any() for iuv in maps)
    for source in (0, 2):
        assert_engines_agree(maps[source], maps)
