"""The background plate."""

import numpy as np
import pytest
from people import turning_person
from scipy.ndimage import maximum_filter

from densepose_cache.video.plate import MARGIN, background_plate, grown, pull_push

SHAPES = [(33, 47), (36, 36), (132, 132), (128, 40), (40, 128), (256, 256)]


def body(shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    iuv = np.zeros((*shape, 3), np.uint8)
    iuv[rows, columns] = 2, 100, 100
    return iuv


def scene(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A frame of noise, its map with a body in the middle third, and which pixels (H, W) are filled."""
    height, width = shape
    frame = np.random.default_rng(height).integers(40, 200, (*shape, 3), dtype=np.uint8)
    iuv = body(shape, slice(height // 3, 2 * height // 3), slice(width // 3, 2 * width // 3))
    hidden = maximum_filter(iuv[..., 0], 2 * round(MARGIN * height) + 1) > 0
    frame[iuv[..., 0] > 0] = 255
    return frame, iuv, hidden


@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_beyond_the_margin_stay_and_the_others_lie_within_what_surrounds_them(shape):
    frame, iuv, hidden = scene(shape)
    before = frame.copy()
    plate = background_plate(frame, iuv)
    assert plate.dtype == np.uint8
    assert np.array_equal(frame, before)
    assert np.array_equal(plate[~hidden], frame[~hidden])
    assert (plate[hidden] >= frame[~hidden].min(0)).all()
    assert (plate[hidden] <= frame[~hidden].max(0)).all()
    assert plate[hidden].std() < frame[~hidden].std()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_background_of_one_colour_stays_that_colour(shape):
    _, iuv, _ = scene(shape)
    frame = np.full((*shape, 3), (7, 131, 255), np.uint8)
    frame[iuv[..., 0] > 0] = 0
    assert (background_plate(frame, iuv) == (7, 131, 255)).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_ramp_goes_on_behind_the_person(shape):
    height, width = shape
    ramp = np.linspace(0, 250, width)
    frame = np.broadcast_to(ramp.astype(np.uint8)[None, :, None], (*shape, 3)).copy()
    left, right = 5 * width // 12, 7 * width // 12  # narrow: with its margin it leaves background on both sides of every shape
    plate = background_plate(frame, body(shape, slice(0, height), slice(left, right)))
    row = plate[height // 2, :, 0].astype(int)
    assert (np.diff(row) >= -3).all()
    assert row[left] < row[right - 1]


def test_a_band_across_a_long_frame_is_filled():
    """Of a frame that is much longer than wide a level's whole row may be unknown."""
    frame = np.full((256, 16, 3), 200, np.uint8)
    assert (background_plate(frame, body((256, 16), slice(0, 190), slice(0, 16))) == 200).all()


def test_a_frame_without_a_person_and_one_full_of_it_come_back():
    frame = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    for iuv in (np.zeros_like(frame), np.full_like(frame, 2), body((40, 30), slice(1, 39), slice(1, 29))):
        plate = background_plate(frame, iuv)
        assert np.array_equal(plate, frame)
        assert plate is not frame
        plate[:] = 0
        assert frame.any()


def test_a_rendered_person_is_gone():
    frame = turning_person()[0]
    plate = background_plate(frame.rgb, frame.iuv)
    known = ~grown(frame.iuv[..., 0] > 0, round(MARGIN * 128))
    assert np.array_equal(plate[known], frame.rgb[known])
    filled = plate[~known].astype(int)
    assert np.abs(filled - np.median(frame.rgb[known], 0)).mean() < 0.5 * np.abs(frame.rgb[~known] - np.median(frame.rgb[known], 0)).mean()


@pytest.mark.parametrize("pixels", [0, 1, 5])
def test_masks_grow_to_every_side(pixels):
    mask = np.random.default_rng(2).random((23, 31)) < 0.02
    assert np.array_equal(grown(mask, pixels), maximum_filter(mask, 2 * pixels + 1, mode="constant"))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 3), (33, 47), (36, 20)])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_one_known_pixel_or_more_fill_a_picture(shape, share):
    rng = np.random.default_rng(6)
    colours = rng.random((*shape, 3)).astype(np.float32)
    known = rng.random(shape) < share
    known[shape[0] // 2, shape[1] // 2] = True
    filled = pull_push(colours, known)
    assert filled.dtype == np.float32
    assert np.array_equal(filled[known], colours[known])
    assert (filled >= colours[known].min(0) - 1e-6).all()
    assert (filled <= colours[known].max(0) + 1e-6).all()


def written_out(colours: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Pull and push of a square picture whose side is a power of two, in float64."""
    if known.all():
        return colours
    side = len(known) // 2
    weight = known.reshape(side, 2, side, 2).sum((1, 3))
    sums = np.where(known[..., None], colours, 0).reshape(side, 2, side, 2, 3).sum((1, 3))
    below = np.pad(written_out(sums / np.maximum(weight, 1)[..., None], weight > 0), ((1, 1), (1, 1), (0, 0)), mode="edge")
    filled = colours.copy()
    for r, c in np.argwhere(~known):
        y, x = r // 2 + 1, c // 2 + 1
        dy, dx = 2 * (r % 2) - 1, 2 * (c % 2) - 1
        filled[r, c] = (9 * below[y, x] + 3 * below[y + dy, x] + 3 * below[y, x + dx] + below[y + dy, x + dx]) / 16
    return filled


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_pull_push_equals_its_definition(share):
    rng = np.random.default_rng(8)
    colours, known = rng.random((32, 32, 3)), rng.random((32, 32)) < share
    known[3, 3] = True
    assert np.allclose(pull_push(colours.astype(np.float32), known), written_out(colours, known), atol=1e-5)
