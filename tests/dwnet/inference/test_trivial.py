"""Baselines need no network."""

import numpy as np
import pytest
import torch

from dwnet.inference.trivial import coarse_warp, coarse_warp_blurred, copy_source


def source_and_index(size=16, frames=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (size, size, 3), dtype=np.uint8), rng.integers(0, size * size, (frames, size, size)).astype(np.uint16)


@pytest.mark.parametrize("padding", ["reflection", "border", "zeros"])
@pytest.mark.parametrize("size", [16, 256])
def test_coarse_warp_is_nearest_sampling_of_the_official_grid(padding, size):
    source, index = source_and_index(size, 1)
    row, column = np.divmod(index.astype(np.int64), size)
    grid = torch.from_numpy(np.stack([2 * column / (size - 1) - 1, 2 * row / (size - 1) - 1], -1).astype(np.float32))
    image = torch.from_numpy(source).permute(2, 0, 1)[None].float()
    sampled = torch.nn.functional.grid_sample(image, grid, mode="nearest", padding_mode=padding, align_corners=True)
    np.testing.assert_array_equal(coarse_warp(source, index)[0], sampled[0].permute(1, 2, 0).numpy().astype(np.uint8))


def test_copied_source():
    source, _ = source_and_index()
    copies = copy_source(source, 4)
    assert copies.shape == (4, 16, 16, 3)
    assert all((copy == source).all() for copy in copies)


def test_blur_is_spatial_and_of_the_given_sigma():
    frames = np.zeros((2, 33, 33, 3), np.uint8)
    frames[0, 16, 16, 1] = 255
    blurred = coarse_warp_blurred(frames, 2.0)
    assert blurred[1].max() == 0, "frames do not mix"
    assert blurred[0, ..., [0, 2]].max() == 0, "channels do not mix"
    assert blurred[0, 16, 16, 1] == round(255 / (2 * np.pi * 4))
    assert blurred[0, 16, 18, 1] == round(255 / (2 * np.pi * 4) * np.exp(-4 / 8))
