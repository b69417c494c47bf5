import numpy as np
import pytest
from natsort import natsorted

from densepose_cache.iuv import read_iuv_png
from densepose_cache.warp import coarse_warp_grid, coordinates

CLIPS = ["fashion/1", "taichi/1"]


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
