"""A motion that goes far has room on the photo, with a body as large as the photo's."""

import numpy as np
import pytest
from people import draw

from densepose_cache.core.geometry import Geometry
from dwnet.animation.framing.choice import CROPPED, Framing
from dwnet.animation.framing.roomy import roomy
from dwnet.animation.motion import DrivingFrame, paced_motion
from dwnet.animation.pace import Pace
from dwnet.animation.person import Person
from dwnet.animation.proportions.fit import fit, room
from dwnet.animation.proportions.match import look_at
from dwnet.animation.proportions.segments import measured

SIZE = 128
WIDE, HIGH = 1200, 600


def walk(step: int, frames: int = 9):
    """A small drawn body that goes from left to right by `step` pixels a frame."""
    small = draw(0, 0, SIZE // 2)[1]
    maps = []
    for number in range(frames):
        iuv, left = np.zeros((SIZE, SIZE, 3), np.uint8), 4 + step * number
        iuv[SIZE // 4 : SIZE // 4 + SIZE // 2, left : left + SIZE // 2] = small[:, : SIZE - left]
        maps.append(iuv)
    frames = [DrivingFrame(iuv, None) for iuv in maps]
    pace = Pace(np.arange(len(maps)), 10.0)
    return paced_motion(SIZE, False, pace, lambda pace: iter(frames), lambda numbers: (maps[n] for n in numbers)), maps


@pytest.fixture
def person():
    """Twice as large a body in a square of 300 pixels, in the middle of a wide photo."""
    iuv = draw(0, 0, SIZE)[1]
    geometry = Geometry.from_box(WIDE, HIGH, (450, 200, 750, 500), SIZE)
    return Person(np.zeros((SIZE, SIZE, 3), np.uint8), iuv, np.zeros((HIGH, WIDE, 3), np.uint8), geometry)


def test_the_crop_grows_where_the_motion_needs_it(person):
    motion, maps = walk(7)
    needed = room(measured(person.iuv), [measured(iuv) for iuv in maps], SIZE)
    assert needed[0] < 0 or needed[2] > SIZE
    left, top, right, bottom = roomy(person, look_at(motion), CROPPED).box
    in_photo = needed * 300 / SIZE + np.array([450, 200, 450, 200])
    assert left <= in_photo[0] and in_photo[2] <= right and top <= in_photo[1] and in_photo[3] <= bottom
    assert right - left == bottom - top > 300 and left >= 0 and right <= WIDE


def test_no_other_crop_where_there_is_room_or_none_is_wanted(person):
    still, far = (look_at(walk(step)[0]) for step in (0, 7))
    assert roomy(person, still, CROPPED) is None
    assert roomy(person, far, Framing(crop=False)) is None
    assert roomy(Person(person.image, person.iuv), far, CROPPED) is None, "a clip of the cache"
    assert roomy(person, [], CROPPED) is None


def test_the_whole_photo_is_shown_where_a_crop_is_too_small(person):
    small = Geometry.from_box(330, 300, (20, 0, 320, 300), SIZE)
    found = roomy(Person(person.image, person.iuv, np.zeros((300, 330, 3), np.uint8), small), look_at(walk(7)[0]), CROPPED)
    assert found == Framing(crop=False)


def test_without_room_the_body_stays_inside(person):
    """Less large than the photo's, but no frame of the motion is cut off at the sides."""
    _, maps = walk(7)
    bodies = [measured(iuv) for iuv in maps]
    free, kept = (fit(measured(person.iuv), bodies, SIZE, free=free)[0] for free in (True, False))
    assert kept.width < free.width
    for iuv in maps:
        columns = np.flatnonzero((iuv[..., 0] > 0).any(0))
        edges = kept.points(np.array([[columns[0], 0.0], [columns[-1] + 1, 0.0]]))[:, 0]
        assert edges[0] >= -0.01 and edges[1] <= SIZE + 0.01
