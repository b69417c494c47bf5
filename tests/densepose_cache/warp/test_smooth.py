"""The smooth grid against a version written out, on random and rendered maps, and what it is at a frame's border and without a body."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from people import turning_person
from random_maps import map_lists
from surface_search import inside, smooth_by_search

from densepose_cache.iuv import PART_NAMES
from densepose_cache.warp.fill import LOST
from densepose_cache.warp.smooth import RIM, SmoothGrid, SmoothSurface

FRONT, BACK = PART_NAMES.index("torso front"), PART_NAMES.index("torso back")


def equal(found: SmoothGrid, wanted: SmoothGrid) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))


def chart(size: int, rows: slice, columns: slice, part: int = FRONT) -> np.ndarray:
    """A map (size, size, 3) uint8 of one part between `rows` and `columns`; U and V go across its first 25 rows and columns, then stay."""
    y, x = np.mgrid[:size, :size] - np.reshape((rows.start, columns.start), (2, 1, 1))
    u, v = np.clip(80 + 4 * y, 80, 176), np.clip(80 + 4 * x, 80, 176)
    iuv = np.zeros((size, size, 3), np.uint8)
    iuv[rows, columns] = np.stack([np.full((size, size), part), u, v], -1)[rows, columns]
    return iuv


@settings(max_examples=100, deadline=None)
@given(maps=map_lists())
def test_random_maps_give_what_is_written_out(maps):
    source, *driving = maps
    for rim, reach, tolerance in ((RIM, 2, 3 / 128), (0.1, 1, 1 / 4), (0, 3, 1 / 16)):
        surface = SmoothSurface(source, rim, reach, tolerance)
        for iuv in driving:
            found = surface.grid(iuv)
            assert (found.way.dtype, found.distance.dtype) == (np.float32, np.uint8)
            assert equal(found, smooth_by_search(source, iuv, rim, reach, tolerance))


@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("changes", [{}, {"rim": 0.0}, {"rim": 1 / 32}, {"reach": 0}, {"reach": 4}, {"tolerance": 0.0}, {"tolerance": 1.0}])
def test_a_turning_person_gives_what_is_written_out(number, changes):
    maps = [frame.iuv for frame in turning_person(96)]
    surface = SmoothSurface(maps[number], **changes)
    for iuv in maps[::3]:
        assert equal(surface.grid(iuv), smooth_by_search(maps[number], iuv, **changes))


def test_the_background_stays_where_it_is():
    maps = [frame.iuv for frame in turning_person()]
    found = SmoothSurface(maps[0]).grid(maps[3])
    ground = maps[3][..., 0] == 0
    assert not found.way[ground].any() and not found.distance[ground].any()
    assert (found.distance[~ground] >= 1).all() and found.way[~ground].any()


def test_the_rim_of_the_silhouette_is_not_read():
    """A rim of two pixels at 256; of a body that is thinner everywhere all is read."""
    iuv, driving = chart(256, slice(40, 200), slice(30, 220)), chart(256, slice(0, 256), slice(0, 256))
    shown = inside(iuv)[..., 0] > 0
    assert shown.sum() == (160 - 4) * (190 - 4)
    way = SmoothSurface(iuv, reach=0).grid(driving).way
    columns, rows = np.rint(np.moveaxis(way, -1, 0)).astype(int) + np.mgrid[:256, :256][::-1]
    assert shown[rows, columns].all()
    thin = chart(256, slice(40, 200), slice(30, 34))
    columns, rows = np.rint(np.moveaxis(SmoothSurface(thin, reach=0).grid(driving).way, -1, 0)).astype(int) + np.mgrid[:256, :256][::-1]
    assert (thin[rows, columns, 0] > 0).all() and {*np.unique(columns)} & {30, 33}


def test_at_the_border_of_a_frame_the_body_goes_on():
    """A body that the frame cuts off has no rim there, and means are taken over what is in the frame."""
    iuv = chart(24, slice(0, 24), slice(0, 20))
    assert np.array_equal(inside(iuv, 1 / 12)[..., 0] > 0, np.broadcast_to(np.arange(24) < 18, (24, 24)))
    for rim in (0, 1 / 12):
        found = SmoothSurface(iuv, rim).grid(iuv)
        assert equal(found, smooth_by_search(iuv, iuv, rim))
        assert not found.way[:, :16].any()


def test_a_frame_from_itself_stays_nearly_where_it_is_inside():
    """U and V have 8 bits, and of equal ones the first pixel is read: ways are below a pixel or two, where a part is not cut short."""
    iuv = chart(64, slice(20, 45), slice(30, 55))
    assert not SmoothSurface(iuv, 1 / 32).grid(iuv).way[24:41, 34:51].any()
    person = turning_person()[0].iuv
    found = SmoothSurface(person).grid(person)
    body = inside(person)[..., 0] > 0
    lengths = np.linalg.norm(found.way, axis=-1)[body]
    assert np.median(lengths) < 0.7 and np.quantile(lengths, 0.95) < 4
    assert (found.distance[body] == 1).all()


def test_a_way_unlike_those_around_it_is_left_out_of_the_mean():
    """A pixel of another place amid the body: its neighbours do not follow it, it follows them; without tolerance it stays alone."""
    iuv, driving = (chart(25, slice(0, 25), slice(0, 25)) for _ in range(2))
    driving[10, 15] = iuv[20, 5]
    assert not SmoothSurface(iuv, 0, tolerance=0.1).grid(driving).way.any()
    wide = SmoothSurface(iuv, 0, tolerance=1).grid(driving).way
    assert np.allclose(wide[8:13, 13:18], (-10 / 25, 10 / 25)) and np.count_nonzero(wide) == 2 * 25
    alone = SmoothSurface(iuv, 0, tolerance=0).grid(driving).way
    assert alone[10, 15].tolist() == [-10, 10] and np.count_nonzero(alone) == 2


def test_a_lone_pixel_keeps_its_own_way():
    source, driving = np.zeros((2, 40, 40, 3), np.uint8)
    source[4:9, 7:12], driving[30, 20] = (FRONT, 100, 100), (BACK, 100, 100)
    found = SmoothSurface(source, 0.05).grid(driving)
    assert found.way[30, 20].tolist() == [9 - 20, 6 - 30], "to the first pixel inside"
    assert np.count_nonzero(found.way) == 2


def test_a_source_without_a_body_is_read_in_its_place_and_lost():
    driving = turning_person()[0].iuv
    way, distance = SmoothSurface(np.zeros_like(driving)).grid(driving)
    assert not way.any() and np.array_equal(distance, np.where(driving[..., 0] > 0, LOST, 0))


def test_a_driving_frame_without_a_body_is_all_zero():
    source = turning_person()[0].iuv
    way, distance = SmoothSurface(source).grid(np.zeros_like(source))
    assert way.shape == (128, 128, 2) and not way.any() and not distance.any()


def test_views_and_read_only_maps_are_taken_as_they_are():
    maps = [turning_person()[k].iuv for k in (0, 4)]
    wanted = SmoothSurface(maps[0]).grid(maps[1])
    views = [np.ascontiguousarray(array[:, ::-1])[:, ::-1] for array in maps]
    frozen = [array.copy() for array in maps]
    for array in frozen:
        array.flags.writeable = False
    for source, driving in (views, frozen):
        assert equal(SmoothSurface(source).grid(driving), wanted)


def test_one_surface_serves_several_threads():
    maps = [frame.iuv for frame in turning_person()]
    wanted = [SmoothSurface(maps[0]).grid(iuv) for iuv in maps]
    surface = SmoothSurface(maps[0])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(surface.grid, maps))
    assert all(equal(a, b) for a, b in zip(found, wanted, strict=True))
