"""The surface fill and what is nearest whatever its part, against searches written out, on random and rendered maps."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from people import turning_person
from random_maps import KINDS, map_lists, random_map
from surface_search import assert_filled, assert_nearest, costs, places

from densepose_cache.iuv import PART_NAMES
from densepose_cache.warp import coarse_warp_grid, source_frame, visible_pixels
from densepose_cache.warp.fill import CHEST, DEPTH, EARS, HEAD, LOST, MIRROR, OCCIPUT, SHOULDERS, FilledGrid, SourceSurface, weighted_table
from densepose_cache.warp.surface import surface_table

BACK, FRONT = PART_NAMES.index("torso back"), PART_NAMES.index("torso front")
LEFT_HAND, RIGHT_HAND = PART_NAMES.index("left hand"), PART_NAMES.index("right hand")


def grids(source: np.ndarray, driving: list[np.ndarray]) -> list[np.ndarray]:
    return [grid.index for grid in source_frame("lattice", source).grids(driving)]


def one_row(*pixels: tuple[int, int, int]) -> np.ndarray:
    """A map (1, N + 1, 3) uint8 of the given I, U, V; its first pixel is background."""
    return np.array([[(0, 0, 0), *pixels]], np.uint8)


def own_pixels(frame: np.ndarray) -> np.ndarray:
    """The grid (H, W) in which every pixel reads itself."""
    return np.arange(frame.shape[0] * frame.shape[1]).reshape(frame.shape[:2])


def both(surface: SourceSurface, driving: np.ndarray, index: np.ndarray) -> list[np.ndarray]:
    """Index and distance of the filled grid, and of what is nearest."""
    return [*surface.fill(driving, index), *surface.nearest(driving)]


def assert_both(source: np.ndarray, driving: np.ndarray, index: np.ndarray, found: list[np.ndarray], depth=DEPTH, mirror=MIRROR):
    """What `both` returns is what searches find."""
    assert_filled(source, driving, index, FilledGrid(*found[:2]), depth, mirror)
    assert_nearest(source, driving, FilledGrid(*found[2:]), depth, mirror)


def equal(found: list[np.ndarray], wanted: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


@settings(max_examples=200, deadline=None)
@given(maps=map_lists())
def test_lost_pixels_read_the_nearest_and_no_others_change(maps):
    source, *driving = maps
    surface = SourceSurface(source)
    for iuv, index in zip(driving, grids(source, driving), strict=True):
        before = index.copy()
        assert_both(source, iuv, index, both(surface, iuv, index))
        assert np.array_equal(index, before)


@pytest.mark.parametrize("kind", KINDS)
def test_front_parts_fill_back_parts_of_random_maps(kind):
    rng = np.random.default_rng(3)
    for source_parts, driving_parts in (([0, 2, 9, 12], [0, 1, 7, 11]), ([0, 23], [1, 24]), ([0, 1], np.arange(25)), ([5], [0, 6, 20])):
        source, driving = random_map(rng, 30, 40, np.array(source_parts), kind), random_map(rng, 30, 40, np.array(driving_parts), kind)
        index = coarse_warp_grid(source, driving).index
        assert_both(source, driving, index, both(SourceSurface(source), driving, index))


@pytest.mark.parametrize("number", [1, 3, 4])
def test_a_turning_person_reads_the_nearest(number):
    maps = [frame.iuv for frame in turning_person(80)]
    surface = SourceSurface(maps[number])
    lost = nearer = 0
    for iuv, index in zip(maps, grids(maps[number], maps), strict=True):
        found = both(surface, iuv, index)
        assert_both(maps[number], iuv, index, found)
        lost += ((iuv[..., 0] > 0) & ~visible_pixels(maps[number], iuv)).sum()
        nearer += (found[3] < found[1]).sum()
    assert lost and nearer


@pytest.mark.parametrize("depth", [0.1, 1])
@pytest.mark.parametrize("mirror", [0, 0.1, np.inf])
def test_other_constants_read_the_nearest_by_these(depth, mirror):
    source, driving = (turning_person(80)[number].iuv for number in (4, 1))
    index = coarse_warp_grid(source, driving).index
    assert_both(source, driving, index, both(SourceSurface(source, depth, mirror), driving, index), depth, mirror)


def test_a_frame_from_itself_is_untouched_at_distance_0():
    iuv = turning_person()[0].iuv
    index = grids(iuv, [iuv])[0]
    found = both(SourceSurface(iuv), iuv, index)
    assert equal(found[:2], [index, np.zeros(index.shape, np.uint8)])
    assert_both(iuv, iuv, index, found)
    assert np.array_equal(found[3], iuv[..., 0] > 0), "the nearest counts one more"


def test_frames_may_be_asked_for_in_any_order():
    maps = [frame.iuv for frame in turning_person()]
    index = grids(maps[0], maps)
    onwards, backwards = SourceSurface(maps[0]), SourceSurface(maps[0])
    first = [both(onwards, iuv, grid) for iuv, grid in zip(maps, index, strict=True)]
    second = [both(backwards, iuv, grid) for iuv, grid in zip(maps[::-1], index[::-1], strict=True)][::-1]
    alone = [both(SourceSurface(maps[0]), iuv, grid) for iuv, grid in zip(maps, index, strict=True)]
    for others in (second, alone):
        assert all(equal(a, b) for a, b in zip(first, others, strict=True))


def test_what_is_nearest_needs_nothing_that_the_fill_has_looked_up():
    """One surface gives it after the fill, another without, and a third for all frames after the fill of all frames."""
    maps = [frame.iuv for frame in turning_person()]
    index = grids(maps[4], maps)
    shared, last = SourceSurface(maps[4]), SourceSurface(maps[4])
    filled = [shared.fill(iuv, grid) for iuv, grid in zip(maps, index, strict=True)]
    for iuv, grid in zip(maps, index, strict=True):
        wanted = both(SourceSurface(maps[4]), iuv, grid)[2:]
        for surface in (SourceSurface(maps[4]), shared, last):
            assert equal([*surface.nearest(iuv)], wanted)
    assert equal(both(last, maps[0], index[0])[:2], [*filled[0]])


def test_views_and_read_only_maps_are_filled_as_they_are():
    maps = [turning_person()[k].iuv for k in (0, 4)]
    index = grids(maps[0], [maps[1]])[0]
    wanted = both(SourceSurface(maps[0]), maps[1], index)
    views = [np.ascontiguousarray(array[:, ::-1])[:, ::-1] for array in (*maps, index)]
    frozen = [array.copy() for array in (*maps, index)]
    for array in frozen:
        array.flags.writeable = False
    for source, driving, grid in (views, frozen):
        assert equal(both(SourceSurface(source), driving, grid), wanted)


def test_the_first_of_pixels_at_one_place_serves():
    source = one_row((FRONT, 100, 100), (FRONT, 103, 103), (FRONT, 100, 100))
    driving = one_row((BACK, 100, 100), (BACK, 0, 0), (BACK, 255, 255))
    assert SourceSurface(source).fill(driving, np.zeros((1, 4), np.uint16)).index.tolist() == [[0, 1, 1, 1]]


def test_a_hand_reads_the_other_hand():
    left = surface_like(LEFT_HAND)
    source, driving = one_row(*left, (FRONT, 128, 128)), one_row(*surface_like(RIGHT_HAND), (FRONT, 128, 128))
    filled = SourceSurface(source).fill(driving, np.zeros(source.shape[:2], np.uint16))
    assert (source[0, filled.index[0, 1:-1], 0] == LEFT_HAND).all()
    assert filled.distance[0, 1:-1].min() >= 1 + 100 * MIRROR
    assert filled.distance[0, 1:-1].max() < 12
    unmirrored = SourceSurface(source, mirror=np.inf).fill(driving, np.zeros(source.shape[:2], np.uint16))
    assert (source[0, unmirrored.index[0, 1:-1], 0] == FRONT).all()


def surface_like(part: int) -> list[tuple[int, int, int]]:
    """Some (I, U, V) of a part."""
    return [(part, u, v) for u in (60, 120, 180) for v in (60, 120, 180)]


def with_gains(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """A pixel of the back, and two of the front in a source: one on its own side, one mirrored, nearer by `low` to `high` metres."""
    rng = np.random.default_rng(5)
    codes = rng.integers(0, 256, (2000, 2), dtype=np.uint8)
    front = np.column_stack([np.full(len(codes), FRONT, np.uint8), codes])
    for code in codes:
        driving = np.array([[BACK, *code]], np.uint8)
        here, there = places(driving)[0], places(front)
        own, other = (np.linalg.norm(there - here * side, axis=1) for side in ((1, 1, 1), (-1, 1, 1)))
        near, far = other.argmin(), np.flatnonzero((own - other.min() > low) & (own - other.min() < high) & (there[:, 0] * here[0] > 0))
        if abs(here[0]) > 0.1 and len(far):
            return one_row(tuple(front[far[0]]), tuple(front[near])), one_row(tuple(driving[0]), (0, 0, 0))
    raise AssertionError("no such pixels")


@pytest.mark.parametrize("low, high, taken", [(0.0, MIRROR - 0.01, 1), (MIRROR + 0.01, 0.2, 2)])
def test_the_mirrored_side_serves_where_it_is_nearer_by_the_penalty(low, high, taken):
    source, driving = with_gains(low, high)
    filled = SourceSurface(source).fill(driving, np.zeros((1, 3), np.uint16))
    assert filled.index[0, 1] == taken
    assert abs(filled.distance[0, 1] - 1 - 100 * costs(source[0], driving[0, 1:2])[0, taken]) < 0.501
    assert SourceSurface(source, mirror=np.inf).fill(driving, np.zeros((1, 3), np.uint16)).index[0, 1] == 1
    assert SourceSurface(source, mirror=0).fill(driving, np.zeros((1, 3), np.uint16)).index[0, 1] == 2


def test_where_a_sliver_of_a_part_is_seen_what_is_far_from_it_is_nearest_to_another_part():
    """The exact grid has the sliver everywhere, what is nearest near it alone."""
    sliver, others = (FRONT, 128, 128), surface_like(BACK)
    driving = one_row(sliver, (FRONT, 132, 128), *surface_like(FRONT))
    source = one_row(sliver, *others, (0, 0, 0))
    exact = coarse_warp_grid(source, driving).index
    found = both(SourceSurface(source), driving, exact)
    assert_both(source, driving, exact, found)
    filled, distance, nearest, nearer = (values[0, 1:] for values in found)
    assert (filled == 1).all() and (nearest[:2] == 1).all()
    moved = source[0, nearest, 0] == BACK
    assert moved.sum() > 5 and (nearer[moved] < distance[moved]).all()
    assert (nearer[~moved] == distance[~moved] + 1).all()


def whole(part: int) -> list[tuple[int, int, int]]:
    """Every eighth (I, U, V) of a part in both directions."""
    return [(part, u, v) for u in range(0, 256, 8) for v in range(0, 256, 8)]


def read_heights(source: np.ndarray, driving: np.ndarray, **lifts: float) -> np.ndarray:
    """Rest-pose heights in metres that the body pixels of one row read."""
    return places(source[0])[SourceSurface(source, **lifts).nearest(driving).index[0, 1:], 2]


def test_the_upper_back_reads_the_chest_lower():
    source, driving = one_row(*whole(FRONT)), one_row(*whole(BACK))
    height = places(driving[0, 1:])[:, 2]
    plain, lower = (read_heights(source, driving, neckline=neckline) for neckline in (0, 0.15))
    shoulders, middle, chest = height > SHOULDERS - 0.03, abs(height - (SHOULDERS + CHEST) / 2) < 0.02, height < CHEST
    assert np.median((plain - lower)[shoulders]) == pytest.approx(0.15, abs=0.03)
    assert np.median((plain - lower)[middle]) == pytest.approx(0.075, abs=0.03)
    assert chest.any() and np.array_equal(plain[chest], lower[chest])


def test_the_back_of_a_head_reads_the_crown_where_a_face_is_seen():
    head = np.array([*whole(HEAD[0]), *whole(HEAD[1])], np.uint8)
    depth = places(head)[:, 1]
    source, driving = one_row(*map(tuple, head[depth < EARS - 0.02])), one_row(*map(tuple, head))
    plain, higher = (read_heights(source, driving, hair=hair) for hair in (0, 0.2))
    behind, before = depth > OCCIPUT, depth < EARS
    highest = places(source[0, 1:])[:, 2].max()
    assert np.median(highest - higher[behind]) < 0.03 < np.median(highest - plain[behind])
    assert np.array_equal(plain[before], higher[before])


@pytest.mark.parametrize("parts", [(BACK,), HEAD])
def test_what_the_source_does_show_is_not_looked_up_elsewhere(parts):
    """Each of these places is there itself."""
    source = one_row(*(pixel for part in parts for pixel in whole(part)), *whole(FRONT))
    assert np.array_equal(read_heights(source, source, neckline=0.15, hair=0.2), read_heights(source, source))


def test_depth_counts_less_on_the_body_than_on_the_head():
    table, plain = weighted_table(0.25).reshape(25, 64, 64, 3), surface_table()
    assert np.array_equal(table[23:], plain[23:])
    assert np.array_equal(table[1:23, ..., 1], np.float32(0.25) * plain[1:23, ..., 1])
    assert np.array_equal(table[..., ::2], plain[..., ::2])


def test_distances_are_centimetres_and_stop_at_254():
    source = one_row((LEFT_HAND, 128, 128), (23, 128, 128))
    driving = one_row((LEFT_HAND, 128, 160), (PART_NAMES.index("left foot"), 128, 128))
    index = np.array([[0, 1, 0]], np.uint16)
    filled = SourceSurface(source).fill(driving, index)
    here, there = places(driving[0]), places(source[0])
    assert filled.distance[0, 1] == round(100 * np.linalg.norm(here[1] - there[1]))
    assert 50 < filled.distance[0, 2] < 150
    assert SourceSurface(source, mirror=0).fill(driving, index).distance[0, 2] <= filled.distance[0, 2]
    faraway = both(SourceSurface(source, depth=100), driving, index)
    assert faraway[1][0, 2] == faraway[3][0, 2] == LOST - 1


def test_a_source_without_a_body_loses_the_body():
    driving = turning_person()[0].iuv
    index = np.random.default_rng(0).integers(0, 1 << 14, driving.shape[:2]).astype(np.uint16)
    found = both(SourceSurface(np.zeros_like(driving)), driving, index)
    body = driving[..., 0] > 0
    assert equal(found, [index, lost := np.where(body, LOST, 0), own_pixels(body), lost])


def test_a_driving_frame_without_a_body_is_untouched():
    source = turning_person()[0].iuv
    driving = np.zeros_like(source)
    index = coarse_warp_grid(source, driving).index
    zero = np.zeros(index.shape, np.uint8)
    assert equal(both(SourceSurface(source), driving, index), [index, zero, own_pixels(index), zero])


def test_large_frames_keep_their_wide_indices():
    source, driving = np.zeros((2, 300, 300, 3), np.uint8)
    source[299, 290:], driving[10] = (FRONT, 9, 9), (BACK, 200, 3)
    index, _, nearest, _ = both(SourceSurface(source), driving, coarse_warp_grid(source, driving).index)
    assert index.dtype == np.uint32
    assert (index[10] == 299 * 300 + 290).all()
    assert np.array_equal(nearest, np.where(driving[..., 0] > 0, index, own_pixels(index)))


def test_one_surface_serves_several_threads():
    maps = [frame.iuv for frame in turning_person()]
    index = grids(maps[0], maps)
    wanted = [both(SourceSurface(maps[0]), iuv, grid) for iuv, grid in zip(maps, index, strict=True)]
    surface = SourceSurface(maps[0])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda iuv, grid: both(surface, iuv, grid), maps, index))
    assert all(equal(a, b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.slow
def test_interpreted_kernels_stay_within_their_arrays():
    """Compiled code does not check bounds; the same code in the interpreter does."""
    folder = Path(__file__).parent
    path = os.pathsep.join([str(folder.parents[1] / "support"), str(folder.parents[2])])
    done = subprocess.run(
        [sys.executable, folder / "interpreted_fill.py"],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "equal\n"), done.stderr
