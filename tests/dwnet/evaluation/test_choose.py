"""Which candidate is the clip's person: drawn people with known places, and rendered ones as MediaPipe finds them."""

import numpy as np
import pytest
import torch

from densepose_cache.core.errors import InputError
from densepose_cache.rendered.render import RenderedClip, clip_generator
from dwnet.evaluation.keypoints.choose import beside_real, box_of, intersection_over_union, on_body, overlap
from dwnet.evaluation.keypoints.mediapipe_pose import TASK, MediaPipePose
from dwnet.evaluation.metrics.measure import FrameBatch
from dwnet.evaluation.metrics.measures import Keypoints

SIZE = 128
HEIGHT = 68


def person(left, top=30, present=17):
    """Joints of somebody 17 by 65 pixels large, of whom the first `present` are seen."""
    joints = np.zeros((17, 3), np.float32)
    joints[:, 0], joints[:, 1] = left + np.arange(17) * 5 % 17, top + np.arange(17) * 4
    joints[:present, 2] = 1
    return joints


def mask(left, top=30):
    """The body of `person(left, top)`."""
    body = np.zeros((SIZE, SIZE), bool)
    body[top : top + HEIGHT, left : left + 18] = True
    return body


def people(*some):
    return np.array(some, np.float32).reshape(-1, 17, 3)


EMPTY = np.zeros((SIZE, SIZE), bool)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_person_on_the_body_is_taken_in_whatever_order(order):
    some = people(person(5), person(40), person(90))[list(order)]
    np.testing.assert_array_equal(on_body(some, mask(40)), person(40))
    np.testing.assert_array_equal(beside_real(some, mask(40), some), person(40))


def test_nobody_is_taken_without_a_body_without_people_and_off_the_body():
    for candidates, body in (
        (people(person(5)), EMPTY),
        (people(), mask(5)),
        (people(person(90)), mask(5)),
        (people(person(5, present=0)), mask(5)),
    ):
        found = on_body(candidates, body)
        assert found.shape == (17, 3) and found.dtype == np.float32 and not found.any()
        assert not beside_real(people(person(5)), body, candidates).any()


def test_a_joint_beside_the_body_counts_within_the_margin():
    near, far = np.zeros((2, 17, 3), np.float32)
    near[0], far[0] = [40 + 17 + 3, 50, 1], [40 + 17 + 4, 50, 1]
    assert overlap(far, mask(40)) == 0.0
    assert overlap(person(40), mask(40)) == pytest.approx(1, abs=0.1) and overlap(person(43), mask(40)) < overlap(person(40), mask(40))
    assert intersection_over_union(box_of(near), box_of(near)) == 1.0
    outside = person(40)
    outside[3, :2] = -50, 300
    assert 0 < overlap(outside, mask(40)) < overlap(person(40), mask(40))


def test_somebody_of_whom_a_few_joints_are_seen_behind_the_body_does_not_count_more_than_its_person():
    behind, own = person(42, present=3), person(40)
    own[[9, 10], :2] += 30
    assert overlap(behind, mask(40)) > 0
    np.testing.assert_array_equal(on_body(people(behind, own), mask(40)), own)


def test_of_two_equal_ones_the_surer_is_taken():
    first, second = person(40), person(40)
    second[4, :2] = first[4, :2] + 1
    assert overlap(first, mask(40)) == overlap(second, mask(40))
    np.testing.assert_array_equal(on_body(people(second, first), mask(40)), second)


def test_a_figure_that_stays_behind_is_measured_however_far_the_body_is():
    real, bystander = person(5), person(45)
    for generated in ([person(100)], [bystander, person(100)], [person(100), bystander]):
        found = beside_real(people(*generated), mask(5), people(bystander, real))
        np.testing.assert_array_equal(found, person(100))


def test_the_nearest_is_taken_where_nobody_is_on_the_body():
    found = beside_real(people(person(100), person(60)), mask(5), people(person(5)))
    np.testing.assert_array_equal(found, person(60))


def test_a_figure_that_is_gone_is_missing_although_a_bystander_is_there():
    real = people(person(22), person(5))
    assert on_body(real, mask(5)).any()
    assert not beside_real(people(person(23)), mask(5), real).any()
    assert not beside_real(people(), mask(5), real).any()


def test_a_second_detection_of_the_person_is_no_bystander():
    real, generated = people(person(40), person(42)), people(person(43))
    np.testing.assert_array_equal(beside_real(generated, mask(40), real), generated[0])


def test_a_bystander_close_to_the_person_does_not_take_the_person_away():
    real, generated = people(person(40), person(47)), people(person(42), person(47))
    np.testing.assert_array_equal(beside_real(generated, mask(40), real), person(42))


class Seen:
    """A detector that finds prepared people, by the frame's first colour; it counts how often it is asked."""

    name, weights = "seen", __file__

    def __init__(self, *people_of):
        self.people_of, self.asked = people_of, 0

    def detect(self, frame):
        self.asked += 1
        return self.people_of[frame[0, 0, 0]]


def frames(*colours):
    return FrameBatch.of(np.stack([np.full((SIZE, SIZE, 3), colour, np.uint8) for colour in colours]), torch.device("cpu"))


def test_a_copied_frame_is_looked_at_once_and_judged_by_the_body_of_every_frame():
    bystander = person(100)
    detector = Seen(people(bystander, person(5)), people(bystander, person(15)), people(bystander), people(bystander, person(55)))
    measure = Keypoints(detector)
    real, copy = frames(0, 1, 2, 3), frames(0, 0, 0, 0)
    seen, found = measure.observe(real), measure.observe(copy)
    assert detector.asked == 4 + 1
    bodies = torch.from_numpy(np.stack([mask(5), mask(15), EMPTY, mask(55)]))
    values = measure.compare(seen, found, bodies)
    scale = 256 / SIZE
    np.testing.assert_allclose(values["akd_seen"], [0, 10 / 2 * scale, np.nan, 50 / 2 * scale])
    np.testing.assert_allclose(values["mkr_seen"], [0, 0, np.nan, 0])
    exact = np.stack([person(5), person(15), person(5), person(52)])
    np.testing.assert_allclose(measure.errors(seen, exact, bodies), [0, 0, np.nan, 3 * scale])


@pytest.fixture(scope="module")
def measure():
    """Keypoint metrics with MediaPipe."""
    try:
        measure = Keypoints(MediaPipePose(TASK))
    except InputError as error:
        pytest.skip(str(error))
    yield measure
    measure.close()


def rendered(index, motion, split, frames):
    return list(RenderedClip(clip_generator(0, split, index), size=SIZE, frames=frames, fps=4, motion=motion))


def scene(mover, bystander=None):
    """A frame (256, 256, 3) with a rendered mover at the left, and at the right a bystander if there is one; the body (256, 256)."""
    rgb, body = np.full((2 * SIZE, 2 * SIZE, 3), mover.rgb[0, 0]), np.zeros((2 * SIZE, 2 * SIZE), bool)
    middle = slice(SIZE // 2, SIZE // 2 + SIZE)
    rgb[middle, :SIZE], body[middle, :SIZE] = mover.rgb, mover.iuv[..., 0] > 0
    if bystander:
        rgb[middle, SIZE:] = bystander.rgb
    return rgb, body


def frozen(measure, scenes):
    """AKD and MKR (T,) of a generator that always gives the first frame."""
    rgb, bodies = (np.stack(part) for part in zip(*scenes, strict=True))
    real, copy = (FrameBatch.of(pixels, torch.device("cpu")) for pixels in (rgb, np.repeat(rgb[:1], len(rgb), 0)))
    values = measure.compare(measure.observe(real), measure.observe(copy), torch.from_numpy(bodies))
    return values["akd_mediapipe"], values["mkr_mediapipe"]


@pytest.mark.parametrize(("index", "motion"), [(0, "walk"), (2, "arms"), (3, "squat")])
def test_a_generator_that_never_moves_is_as_bad_beside_somebody_who_stands_still(measure, index, motion):
    mover, (bystander, _) = rendered(index, motion, "test", 8), rendered(1, "walk", "train", 2)
    alone, _ = frozen(measure, [scene(frame) for frame in mover])
    beside, missing = frozen(measure, [scene(frame, bystander) for frame in mover])
    assert len(measure._detector.detect(scene(mover[0], bystander)[0])) == 2
    assert np.isfinite(beside).all() and alone.mean() > 1
    assert beside.mean() == pytest.approx(alone.mean(), rel=0.25)
    assert missing.mean() < 0.2


def test_a_generator_that_leaves_the_person_out_misses_all_joints_beside_somebody_who_stands_still(measure):
    (mover, _), (bystander, _) = rendered(0, "walk", "test", 2), rendered(1, "walk", "train", 2)
    rgb, body = scene(mover, bystander)
    gone = rgb.copy()
    gone[:, :SIZE] = rgb[0, 0]
    real, other = (FrameBatch.of(pixels[None], torch.device("cpu")) for pixels in (rgb, gone))
    seen, found = measure.observe(real), measure.observe(other)
    assert len(found.seen[0]) == 1
    values = measure.compare(seen, found, torch.from_numpy(body[None]))
    assert np.isnan(values["akd_mediapipe"]).all() and values["mkr_mediapipe"].tolist() == [1.0]
