"""The person back in the whole photo, pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from densepose_cache.core.geometry import Geometry
from densepose_cache.rendered.render import RenderedClip
from dwnet.animation.outputs.paste_back import PasteBack
from dwnet.animation.person import Person

SIZE = 64
BOX = 40, 10, 168, 138


@pytest.fixture(scope="module")
def clip():
    return list(RenderedClip(np.random.default_rng(4), size=128, frames=3, fps=2, motion="walk", background="plain"))


def person_in(photo: np.ndarray, frame, box=BOX) -> Person:
    """A rendered person, 128 pixels high and wide, in `photo` at `box`, which may reach outside of it."""
    height, width = photo.shape[:2]
    left, top, right, bottom = box
    photo, x, y = photo.copy(), max(left, 0), max(top, 0)
    inside = np.s_[y - top : min(bottom, height) - top, x - left : min(right, width) - left]
    place = photo[y : min(bottom, height), x : min(right, width)]
    place[:] = np.where(frame.silhouette[inside][..., None], frame.rgb[inside], place)
    geometry = Geometry.from_box(width, height, box, SIZE)
    return Person(geometry.image(photo), Geometry.from_box(128, 128, None, SIZE).labels(frame.iuv), photo, geometry)


def noise(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(90, 130, (height, width, 3), dtype=np.uint8)


def small(frame) -> np.ndarray:
    return Geometry.from_box(128, 128, None, SIZE).labels(frame.iuv)


def test_outside_of_the_box_and_far_from_the_person_the_photo_stays_to_the_bit(clip):
    person = person_in(noise(240, 150), clip[0])
    paste = PasteBack(person, 3840)
    for frame in clip:
        shown = paste.picture(person.image, small(frame))
        assert shown.shape == person.photo.shape
        left, top, right, bottom = BOX
        outside = np.ones(shown.shape[:2], bool)
        outside[top:bottom, left:right] = False
        assert np.array_equal(shown[outside], person.photo[outside])
        corner = np.s_[top : top + 12, left : left + 12]
        assert np.array_equal(shown[corner], person.photo[corner]), "nobody is in the corner of the box"


def test_the_person_is_shown_where_the_map_has_it_and_is_gone_where_it_was(clip):
    """A frame of one colour: it shows on the body, and nowhere far from it; the plate is like the background."""
    person = person_in(noise(240, 150), clip[0])
    paste = PasteBack(person, 3840)
    moved = np.roll(person.iuv, 14, axis=1)
    frame = np.where(moved[..., :1] > 0, np.uint8([[250, 10, 10]]), person.image)
    frame[(person.iuv[..., 0] > 0) & (moved[..., 0] == 0)] = 110
    shown = paste.picture(frame, moved)[BOX[1] : BOX[3], BOX[0] : BOX[2]].astype(int)
    body = np.repeat(np.repeat(moved[..., 0] > 0, 2, 0), 2, 1)
    red = (shown[..., 0] > 180) & (shown[..., 1] < 80)
    assert red[body].mean() > 0.9 and red[~body].mean() < 0.06
    was = np.repeat(np.repeat((person.iuv[..., 0] > 0) & (moved[..., 0] == 0), 2, 0), 2, 1) & ~red
    assert np.abs(shown[was] - 110).mean() < 30
    again = paste.picture(frame, moved)[BOX[1] : BOX[3], BOX[0] : BOX[2]]
    assert np.array_equal(again, shown), "a frame does not depend on the one before"


def test_without_anybody_the_plate_is_shown(clip):
    person = person_in(noise(240, 150), clip[0])
    paste = PasteBack(person, 3840)
    paste.picture(person.image, person.iuv)
    shown = paste.picture(person.image, np.zeros_like(person.iuv)).astype(int)
    assert shown.min() > 60 and shown.max() < 160, "nothing of the person is left"


@pytest.mark.parametrize("box", [(-30, -10, 98, 118), (150, 40, 278, 168)])
def test_a_box_that_reaches_outside_of_the_photo(clip, box):
    person = person_in(noise(240, 150), clip[0], box)
    shown = PasteBack(person, 3840).picture(person.image, person.iuv)
    assert shown.shape == person.photo.shape
    body = person.iuv[..., 0] > 0
    wide = np.zeros((150, 240), bool)
    rows, columns = np.nonzero(body)
    rows, columns = 2 * rows + box[1], 2 * columns + box[0]
    inside = (rows >= 0) & (columns >= 0) & (rows < 150) & (columns < 240)
    wide[rows[inside], columns[inside]] = True
    assert np.abs(shown[wide].astype(int) - person.photo[wide]).mean() < 25


def test_a_large_photo_is_scaled_down(clip):
    person = person_in(noise(241, 151), clip[0])
    paste = PasteBack(person, 120)
    assert paste.size == (120, 75)
    expected = np.asarray(Image.fromarray(person.photo).resize((120, 75), Image.Resampling.BOX))
    shown = paste.picture(person.image, person.iuv)
    assert np.array_equal(shown[:, 90:], expected[:, 90:]) and not np.array_equal(shown, expected)


def test_the_photo_without_a_body_in_it_is_shown_as_it_is(clip):
    """All of the body is in the part of the square that lies outside of the photo."""
    photo = noise(240, 150)
    geometry = Geometry.from_box(240, 150, (-100, 0, 28, 128), SIZE)
    iuv = np.zeros((SIZE, SIZE, 3), np.uint8)
    iuv[20:40, 5:15] = 2
    paste = PasteBack(Person(geometry.image(photo), iuv, photo, geometry), 3840)
    assert np.array_equal(paste.picture(geometry.image(photo), iuv), photo)


def test_the_generated_pixels_end_softly_where_the_photo_goes_on(clip):
    """A body over the whole square: at the border of the box there is no step."""
    photo = np.full((150, 240, 3), 120, np.uint8)
    person = person_in(photo, clip[0])
    shown = PasteBack(person, 3840).picture(np.full((SIZE, SIZE, 3), 255, np.uint8), np.full((SIZE, SIZE, 3), 2, np.uint8)).astype(int)
    left, top, right, bottom = BOX
    row = shown[(top + bottom) // 2, :, 0]
    assert row[left - 1] == 120 and row[left] < 130 and row[left + 10] > 240 and row[right - 1] < 130 and row[right] == 120
