import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from natsort import natsorted

from densepose_cache.iuv import read_iuv_png
from densepose_cache.warp import SourceTrees, coarse_warp_grid, coordinates, visible_pixels

CLIPS = ["fashion/1", "taichi/1"]


def brute_force(source: np.ndarray, driving: np.ndarray) -> np.ndarray:
    """Lowest source index among the nearest in (U, V), pixel by pixel."""
    height, width = source.shape[:2]
    flat = source.reshape(-1, 3).astype(int)
    index = np.zeros((height, width), int)
    for row in range(height):
        for column in range(width):
            part, u, v = driving[row, column].astype(int)
            if part == 0:
                index[row, column] = row * width + column if source[row, column, 0] == 0 else 0
            elif (flat[:, 0] == part).any():
                distance = (flat[:, 1] - u) ** 2 + (flat[:, 2] - v) ** 2
                index[row, column] = np.where(flat[:, 0] == part, distance, 1 << 30).argmin()
    return index


def brute_visible(source: np.ndarray, driving: np.ndarray) -> np.ndarray:
    parts = {int(part) for part in source[..., 0].ravel()} - {0}
    matched = np.array([[int(part) in parts for part in row] for row in driving[..., 0]])
    return matched | ((source[..., 0] == 0) & (driving[..., 0] == 0))


@st.composite
def map_pairs(draw):
    """A source map and one to three driving maps of one size; few values, so that ties abound."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    parts, values = draw(st.integers(0, 24)), draw(st.sampled_from([2, 5, 30, 255]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    maps = rng.integers(0, values, (draw(st.integers(2, 4)), height, width, 3), dtype=np.uint8, endpoint=True)
    maps[..., 0] = rng.integers(0, parts, maps.shape[:3], endpoint=True)
    return maps[0], list(maps[1:])


@settings(max_examples=150, deadline=None)
@given(map_pairs())
def test_equals_brute_force_ties_included(pair):
    source, driving = pair
    trees = SourceTrees(source)
    for grid, frame in zip(trees.grids(driving), driving, strict=True):
        assert grid.index.dtype == np.uint16
        assert np.array_equal(grid.index, brute_force(source, frame))
        assert np.array_equal(grid.visible, brute_visible(source, frame))
        assert np.array_equal(grid.visible, visible_pixels(source, frame))
    again = trees.grids(driving[::-1])
    alone = [coarse_warp_grid(source, frame) for frame in driving[::-1]]
    assert all(np.array_equal(a.index, b.index) for a, b in zip(again, alone, strict=True))


def test_wide_maps_with_ties_equal_brute_force():
    rng = np.random.default_rng(5)
    source, driving = rng.integers(0, 12, (2, 40, 50, 3), dtype=np.uint8)
    assert np.array_equal(coarse_warp_grid(source, driving).index, brute_force(source, driving))


def test_ties_at_the_far_end_of_the_chart_go_to_the_lowest_index():
    source, driving = np.zeros((2, 256, 256, 3), np.uint8)
    source[255, 254], source[255, 255] = (3, 255, 254), (3, 254, 255)
    driving[7, 7] = 3, 0, 0
    assert coarse_warp_grid(source, driving).index[7, 7] == 255 * 256 + 254


def test_index_type_follows_the_frame_size():
    for size, dtype in ((256, np.uint16), (257, np.uint32)):
        empty = np.zeros((size, size, 3), np.uint8)
        grid = coarse_warp_grid(empty, empty)
        assert grid.index.dtype == dtype
        assert np.array_equal(grid.index.ravel(), np.arange(size * size))
        assert grid.visible.all()


def test_identity_coordinates_span_the_frame_with_aligned_corners():
    xy = coordinates(np.arange(12, dtype=np.uint16).reshape(3, 4))
    assert xy.dtype == np.float32
    assert np.array_equal(xy[1, :, 0], np.float32([-1, -1 / 3, 1 / 3, 1]))
    assert np.array_equal(xy[:, 2, 1], np.float32([-1, 0, 1]))
    assert np.array_equal(coordinates(np.zeros((2, 3, 4), np.uint32)), np.full((2, 3, 4, 2), -1, np.float32))


def test_sizes_and_values_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        coarse_warp_grid(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(ValueError, match="24"):
        coarse_warp_grid(np.full((4, 4, 3), 25, np.uint8), np.zeros((4, 4, 3), np.uint8))


def read_maps(test_data, clip):
    return [read_iuv_png(path) for path in natsorted((test_data / "data/ubc_sample" / clip / "dp_target").glob("*_IUV.png"))]


@pytest.mark.parametrize("clip", CLIPS)
def test_parity_with_the_official_grids(test_data, clip):
    """Background and no-correspondence pixels are identical, body pixels lie at equal (U, V) distance, and only ties differ."""
    reference = np.load(test_data / "parity/official_warp_grids.npz")
    maps = read_maps(test_data, clip)
    keys = [key for key in reference.files if key.startswith(clip + ":")]
    assert keys
    for key in keys:
        i, j = map(int, key.split(":")[1].split("->"))
        source, driving = maps[i], maps[j]
        ours = coarse_warp_grid(source, driving)
        official = reference[key]
        height, width = source.shape[:2]
        body = np.isin(driving[..., 0], np.unique(source[..., 0])) & (driving[..., 0] > 0)
        assert np.array_equal(ours.visible, body | ((source[..., 0] == 0) & (driving[..., 0] == 0)))
        xy = ours.coordinates()
        assert np.array_equal(xy[~body], official[~body])

        column = np.rint((official[..., 0].astype(float) + 1) / 2 * (width - 1)).astype(int)
        row = np.rint((official[..., 1].astype(float) + 1) / 2 * (height - 1)).astype(int)
        assert np.array_equal(coordinates((row * width + column).astype(np.uint16)), official), "official grids are source indices"
        flat = source.reshape(-1, 3).astype(int)
        there, here = flat[row * width + column][body], flat[ours.index.astype(int)][body]
        wanted = driving[body].astype(int)
        assert np.array_equal(here[:, 0], wanted[:, 0])
        squared = [((found - wanted)[:, 1:] ** 2).sum(1) for found in (there, here)]
        assert np.array_equal(*squared)
        other = (xy != official).any(-1)
        assert (ours.index[other] < (row * width + column)[other]).all(), "of tied pixels ours is the first"
        print(f"{key}: {other.sum()} of {body.sum()} body pixels are ties that the official grid breaks another way")
