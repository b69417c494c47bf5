"""Encoded warp grids: every grid comes back, on real, drawn and random maps, and nothing else is taken for one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from natsort import natsorted
from people import body_maps
from random_maps import map_lists

from densepose_cache.config import WarpSettings
from densepose_cache.iuv import read_iuv_png
from densepose_cache.warp import coarse_warp_grid
from densepose_cache.warp.codec import GridError, MapCodes, decode, encode
from densepose_cache.warp.grid import index_dtype
from densepose_cache.warp.pairs import draw_samples, sample_pairs


def there_and_back(source: np.ndarray, driving: np.ndarray) -> int:
    """Compare the grid of two maps with its decoded bytes; their number."""
    index = coarse_warp_grid(source, driving).index
    codes = MapCodes.of(source), MapCodes.of(driving)
    stored = encode(index, *codes)
    back = decode(stored, *codes)
    assert back.dtype == index.dtype
    assert np.array_equal(back, index)
    return len(stored)


@settings(max_examples=200, deadline=None)
@given(maps=map_lists())
def test_random_maps(maps):
    source, *others = maps
    for driving in others:
        there_and_back(source, driving)


@settings(max_examples=100, deadline=None)
@given(maps=map_lists(), seed=st.integers(0, 2**32 - 1))
def test_any_source_pixels_come_back(maps, seed):
    """Whatever an engine found, not the nearest pixels alone."""
    source, driving = maps[:2]
    codes = MapCodes.of(source), MapCodes.of(driving)
    found = coarse_warp_grid(source, driving)
    body = found.visible & (driving[..., 0] > 0)
    index = np.where(body, np.random.default_rng(seed).integers(0, body.size, body.shape), found.index).astype(found.index.dtype)
    assert np.array_equal(decode(encode(index, *codes), *codes), index)


@pytest.mark.parametrize("size", [64, 256, 264])
def test_drawn_maps_of_either_index_type(size):
    first, *others = body_maps(3, 4, size)
    for other in others:
        assert there_and_back(first, other) < size * size // 16
    assert index_dtype(256, 256) == np.uint16 and index_dtype(264, 264) == np.uint32


def test_one_part_over_the_whole_frame_and_none():
    full = np.full((32, 32, 3), 7, np.uint8)
    none = np.zeros_like(full)
    for source in (full, none):
        for driving in (full, none):
            assert there_and_back(source, driving) <= 20
    one = none.copy()
    one[31, 31] = 7, 1, 2
    assert there_and_back(one, full) <= 20 and there_and_back(full, one) <= 20


def test_background_with_leftover_charts_is_background():
    source, driving = body_maps(0, 2)
    noisy = source.copy()
    noisy[noisy[..., 0] == 0, 1:] = 9
    index = coarse_warp_grid(source, driving).index
    assert np.array_equal(decode(encode(index, MapCodes.of(source), MapCodes.of(driving)), MapCodes.of(noisy), MapCodes.of(driving)), index)


def test_every_flipped_bit_and_every_cut_is_an_error():
    source, driving = body_maps(1, 2)
    codes = MapCodes.of(source), MapCodes.of(driving)
    stored = encode(coarse_warp_grid(source, driving).index, *codes)
    for bit in range(8 * len(stored)):
        changed = bytearray(stored)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(GridError):
            decode(changed, *codes)
    for length in range(len(stored)):
        with pytest.raises(GridError):
            decode(stored[:length], *codes)
    with pytest.raises(GridError):
        decode(stored + b"\0", *codes)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_break_the_decoder(data):
    source, driving = body_maps(1, 2)
    with pytest.raises(GridError):
        decode(data, MapCodes.of(source), MapCodes.of(driving))


def test_maps_of_other_frames_are_an_error():
    source, driving, other = (MapCodes.of(iuv) for iuv in body_maps(2, 3))
    stored = encode(coarse_warp_grid(*body_maps(2, 2)).index, source, driving)
    for pair in ((driving, source), (source, other), (other, driving)):
        with pytest.raises(GridError, match="other"):
            decode(stored, *pair)
    with pytest.raises(ValueError, match="differ in size"):
        decode(stored, source, MapCodes.of(body_maps(2, 1, 32)[0]))


def test_a_grid_of_other_maps_is_not_encoded():
    source, driving, other = body_maps(2, 3)
    with pytest.raises(ValueError, match="not one of these"):
        encode(coarse_warp_grid(source, other).index, MapCodes.of(source), MapCodes.of(driving))


@pytest.mark.parametrize("clip", ["fashion", "taichi"])
def test_real_maps_take_less_than_a_kilobyte(test_data, clip):
    maps = [read_iuv_png(png) for png in natsorted(Path(test_data / f"data/ubc_sample/{clip}/1/dp_target").glob("*_IUV.png"))]
    pairs = sample_pairs(draw_samples(clip, len(maps), WarpSettings()), 3)[::250]
    sizes = [there_and_back(maps[source], maps[driving]) for source, driving in pairs]
    assert np.mean(sizes) < 800
