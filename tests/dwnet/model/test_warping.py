import numpy as np
import pytest
import torch

from densepose_cache.warp import coarse_warp_grid
from densepose_cache.warp.grid import visible_pixels as visible_by_maps
from dwnet.model.warping import downsample_grid, grid_from_index, grid_from_way, identity_grid, matched_pixels, visible_pixels, warp


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_the_identity_grid_changes_nothing(mode):
    image = torch.rand(2, 3, 8, 12)
    torch.testing.assert_close(warp(image, identity_grid(8, 12).expand(2, -1, -1, -1), "reflection", mode), image)


@pytest.mark.parametrize("padding_mode", ["reflection", "border", "zeros"])
def test_a_coordinate_that_is_not_finite_gives_nan_there_alone(padding_mode):
    grid = identity_grid(8, 8).expand(3, -1, -1, -1).clone()
    for number, value in enumerate((torch.nan, torch.inf, -torch.inf)):
        grid[number, 2, 3, number % 2] = value
    grid.requires_grad_()
    image = torch.rand(3, 5, 8, 8, requires_grad=True)
    warped = warp(image, grid, padding_mode)
    assert warped[:, :, 2, 3].isnan().all() and warped.isnan().sum() == 15
    torch.testing.assert_close(warped[warped.isfinite()], image[warped.isfinite()])
    warped.sum().backward()


def test_an_index_reads_exactly_its_pixel():
    height, width = 16, 24
    index = torch.from_numpy(np.random.default_rng(0).integers(0, height * width, (2, height, width)).astype(np.uint16))
    image = torch.rand(2, 3, height, width)
    grid = grid_from_index(index, height, width)
    assert grid.shape == (2, height, width, 2) and grid.dtype == torch.float32
    wanted = image.flatten(2).gather(2, index.long().flatten(1)[:, None].expand(-1, 3, -1)).view_as(image)
    torch.testing.assert_close(warp(image, grid, "zeros", "nearest"), wanted)
    torch.testing.assert_close(warp(image, grid, "border"), wanted, rtol=0, atol=1e-4)


def test_a_way_reads_the_place_that_lies_so_many_pixels_off():
    """x first; whole pixels exactly, halves between two, along each axis of a frame that is not square."""
    height, width = 16, 24
    index = torch.from_numpy(np.random.default_rng(0).integers(0, height * width, (3, 2, height, width)))
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    way = torch.stack([index % width - columns, index // width - rows], -1).float()
    grid = grid_from_way(way)
    assert grid.shape == (3, 2, height, width, 2) and grid.dtype == torch.float32
    torch.testing.assert_close(grid, grid_from_index(index, height, width), rtol=0, atol=1e-6)
    assert torch.equal(grid_from_way(torch.zeros_like(way))[0, 1], identity_grid(height, width))
    image, half = torch.rand(1, 3, height, width), torch.zeros(1, height, width, 2)
    half[..., 0] = 0.5
    found = warp(image, grid_from_way(half), "border")
    torch.testing.assert_close(found[..., :-1], (image[..., :-1] + image[..., 1:]) / 2, rtol=0, atol=1e-5)
    found = warp(image, grid_from_way(half.flip(-1)), "border")
    torch.testing.assert_close(found[..., :-1, :], (image[..., :-1, :] + image[..., 1:, :]) / 2, rtol=0, atol=1e-5)


def test_coordinates_are_rounded_once():
    for size in (32, 36, 64, 100, 128, 200, 256, 300, 512):
        columns = np.arange(size)
        wanted = (2 * columns / (size - 1) - 1).astype(np.float32)
        assert np.array_equal(identity_grid(size, size)[0, :, 0].numpy(), wanted)
        assert np.array_equal(identity_grid(size, size)[:, 0, 1].numpy(), wanted)


def test_official_grids_come_back_bit_for_bit(test_data):
    grids = np.load(test_data / "parity" / "official_warp_grids.npz")
    for name in grids.files:
        column, row = (np.rint((grids[name][..., i].astype(np.float64) + 1) / 2 * 255).astype(np.int64) for i in (0, 1))
        assert np.array_equal(grid_from_index(torch.from_numpy(row * 256 + column), 256, 256).numpy(), grids[name]), name


def test_downsampling_averages_the_four_middle_pixels():
    grid = torch.rand(1, 8, 8, 2)
    wanted = sum(grid[:, r::4, c::4] for r in (1, 2) for c in (1, 2)) / 4
    torch.testing.assert_close(downsample_grid(grid, 2, 2), wanted)


def test_half_precision_features_are_read_at_exact_places():
    image = torch.arange(64.0).expand(1, 1, 64, 64).bfloat16()
    assert torch.equal(warp(image, identity_grid(64, 64)[None], "border", "nearest"), image.float())


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
@pytest.mark.parametrize("corner", [0, 7])
def test_visible_pixels_follow_from_index_and_driving_map(corner, kind):
    """Against the masks made from both maps, where the top-left pixel is background, body that the driving map shows, and both."""
    random = np.random.default_rng(corner)
    hard = 0
    for case in range(40):
        source, driving = random.integers(0, 3, (2, 12, 20, 3)).astype(np.uint8)
        source[..., 0] *= np.uint8(random.integers(1, 9))
        driving[..., 0] *= np.uint8(random.integers(1, 9))
        source[0, 0, 0] = corner
        driving[0, 0, 0] = (0, 7, 3)[case % 3]
        driving[4:6, 5:9, 0] = 7
        grid = coarse_warp_grid(source, driving)
        index, part = torch.from_numpy(grid.index.astype(kind)), torch.from_numpy(driving[..., 0])
        found = visible_pixels(index[None], part[None], torch.tensor([corner], dtype=torch.uint8))
        assert np.array_equal(found[0].numpy(), grid.visible)
        hard += int(((grid.index == 0) & grid.visible & (driving[..., 0] > 0)).sum())
    assert (hard > 0) == (corner == 7), "body pixels whose place is the top-left pixel"


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.bfloat16])
def test_matched_pixels_are_those_that_both_maps_say(kind):
    """Every map of a batch by itself, in any type; in some the source shows few parts, or nobody."""
    random = np.random.default_rng(0)
    source, driving = random.integers(0, 25, (2, 30, 12, 20, 3)).astype(np.uint8)
    for number in range(30):
        source[number, ..., 0] *= np.isin(source[number, ..., 0], random.integers(0, 25, number % 12))
        driving[number, ..., 0] *= random.random((12, 20)) < 0.7
    found = matched_pixels(*(torch.from_numpy(maps[..., 0]).to(kind) for maps in (source, driving)))
    assert found.dtype == torch.bool and found.shape == (30, 12, 20)
    for number in range(30):
        wanted = visible_by_maps(source[number], driving[number])
        assert np.array_equal(found[number].numpy(), wanted)
        assert np.array_equal(wanted, coarse_warp_grid(source[number], driving[number]).visible)
