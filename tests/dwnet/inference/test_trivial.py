"""Baselines need no network."""

import numpy as np
import pytest
import torch

from densepose_cache.rendered.render import RenderedClip, clip_generator
from densepose_cache.video.plate import background_plate
from densepose_cache.warp import coarse_warp_grid, visible_pixels
from dwnet.inference.trivial import FilledSource, coarse_warp, coarse_warp_blurred, copy_source, filled_warp

SIZE = 64


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


@pytest.fixture(scope="module")
def turn():
    """Source frame, its map, maps (2, S, S, 3) of somebody who turns away from it, their grids (2, S, S) and masks of exact matches."""
    clip = RenderedClip(clip_generator(0, "test", 0), size=SIZE, frames=16, fps=8, motion="turn")
    source, *driving = (clip.render(t) for t in (0, 4, 6))
    maps = np.stack([frame.iuv for frame in driving])
    index = np.stack([coarse_warp_grid(source.iuv, iuv).index for iuv in maps])
    return source.rgb, source.iuv, maps, index, np.stack([visible_pixels(source.iuv, iuv) for iuv in maps])


def places(size=SIZE):
    """A frame whose every pixel has a colour of its own: row, column, 0."""
    return np.stack([*np.indices((size, size)), np.zeros((size, size), int)], -1).astype(np.uint8)


def test_the_filled_warp_keeps_all_exact_correspondences(turn):
    source, source_iuv, maps, index, matched = turn
    for frame in (source, places()):
        filled = filled_warp(FilledSource(frame, source_iuv), maps, index)
        assert filled.shape == (*index.shape, 3) and filled.dtype == np.uint8
        np.testing.assert_array_equal(filled[matched], coarse_warp(frame, index)[matched])


def test_lost_body_pixels_show_the_body_of_the_source_and_no_corner(turn):
    _, source_iuv, maps, index, matched = turn
    lost = ~matched & (maps[..., 0] > 0)
    assert all(lost.sum((1, 2)) > 50) and (coarse_warp(places(), index)[lost] == 0).all()
    rows, columns, _ = filled_warp(FilledSource(places(), source_iuv), maps, index)[lost].T
    assert (source_iuv[rows, columns, 0] > 0).all()
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) > 50, "not one pixel for all"


def test_background_that_the_body_of_the_source_hides_shows_the_plate(turn):
    source, source_iuv, maps, index, matched = turn
    hidden = ~matched & (maps[..., 0] == 0)
    assert hidden.any((1, 2)).all() and (source_iuv[..., 0][hidden.nonzero()[1:]] > 0).all()
    plate = np.broadcast_to(background_plate(source, source_iuv), (*index.shape, 3))
    np.testing.assert_array_equal(filled_warp(FilledSource(source, source_iuv), maps, index)[hidden], plate[hidden])
    assert (plate != source)[hidden].any()


def test_frames_are_filled_alike_one_by_one_and_together(turn):
    source, source_iuv, maps, index, _ = turn
    prepared = FilledSource(source, source_iuv)
    alone = [filled_warp(prepared, maps[t : t + 1], index[t : t + 1])[0] for t in (1, 0)]
    np.testing.assert_array_equal(filled_warp(FilledSource(source, source_iuv), maps, index), alone[::-1])


def test_without_a_body_in_the_source_the_filled_warp_is_the_coarse_warp(turn):
    source, source_iuv, maps, _, _ = turn
    nobody = np.zeros_like(source_iuv)
    index = np.stack([coarse_warp_grid(nobody, iuv).index for iuv in maps])
    np.testing.assert_array_equal(filled_warp(FilledSource(source, nobody), maps, index), coarse_warp(source, index))


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
