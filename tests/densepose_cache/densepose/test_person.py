import numpy as np
import pytest

from densepose_cache.densepose.person import PATIENCE, Choice, Follower, distinct, overlap
from densepose_cache.densepose.search import Start

BOXES = np.array([[0, 0, 10, 10], [20, 10, 50, 60], [45, 20, 60, 60]], float)


def test_overlap_of_equal_disjoint_and_half_covered_boxes():
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 20], [5, 0, 15, 10], [3, 3, 3, 3]], float)
    assert np.allclose(overlap(boxes[0], boxes), [1, 0, 0.5, 1 / 3, 0])


def first_choice(boxes, scores, size):
    return Follower(size).choose(boxes, scores).person


def test_first_choice_weighs_score_size_and_centre():
    assert first_choice(BOXES, np.array([0.9, 0.9, 0.9]), 64) == 1
    assert first_choice(BOXES, np.array([0.9, 0.1, 0.9]), 64) == 2
    same = np.array([[0, 0, 20, 20], [22, 22, 42, 42]], float)
    assert first_choice(same, np.array([0.9, 0.9]), 64) == 1
    assert first_choice(same, np.array([0.99, 0.3]), 64) == 0


def test_nobody_and_somebody_after():
    follower = Follower(64)
    assert follower.choose(np.zeros((0, 4)), np.zeros(0)) == Choice(None, 0, False)
    assert follower.choose(BOXES, np.array([0.9, 0.9, 0.9])).person == 1


def test_a_start_says_who_is_followed():
    """On frame 2, and nobody before; where nobody is there, somebody else is taken after a while."""
    scores = np.array([0.7, 0.99, 0.9])
    follower = Follower(64, Start(2, (1, 1, 9, 12)))
    assert [follower.choose(BOXES, scores).person for _ in range(5)] == [None, None, 0, 0, 0]
    follower = Follower(64, Start(0, (62, 0, 64, 4)))
    assert [follower.choose(BOXES, scores).person for _ in range(PATIENCE + 2)] == [None] * PATIENCE + [1, 1]


def box(left, top, width, height):
    return [left, top, left + width, top + height]


def choices(frames, size=64):
    """Choices on frames that are given as lists of (box, score)."""
    follower = Follower(size)
    return [
        follower.choose(np.array([found for found, _ in people], float).reshape(-1, 4), np.array([score for _, score in people]))
        for people in frames
    ]


def walk_behind(hidden):
    """A small person walks to the right behind a large one; on frames `hidden` only the large one is seen. The small one comes first."""
    large = (box(20, 5, 30, 55), 0.99)
    frames = []
    for time in range(28):
        small = (box(2 * time, 20, 12, 40), 0.8)
        frames.append([large] if time in hidden else [small, large])
    return frames


def start(frames):
    """The same, after a frame on which only the small one is there."""
    return [[(box(0, 20, 12, 40), 0.8)], *frames]


def test_a_person_who_is_hidden_is_waited_for_and_found_again():
    hidden = set(range(10, 19))
    frames = start(walk_behind(hidden))
    wanted = [0, *(None if 10 <= time < 20 else 0 for time in range(28))]
    assert [choice.person for choice in choices(frames)] == wanted, "at 19 it may still be a part of the large one"
    assert [choice.people for choice in choices(frames)] == [1, *(1 if 10 <= time < 20 else 2 for time in range(28))]
    last, simple = np.array(frames[0][0][0], float), []
    for people in frames:
        boxes = np.array([found for found, _ in people], float)
        simple.append(int(overlap(last, boxes).argmax()))
        last = boxes[simple[-1]]
    assert simple[-1] == 1, "without memory the large one is taken instead"


@pytest.mark.parametrize("hidden", [{12, 13}, {11, 12, 13, 14}, {10, 11, 12, 13, 14, 15, 16}])
@pytest.mark.parametrize("ours_is_seen", [True, False])
def test_two_people_who_cross_keep_their_places(hidden, ours_is_seen):
    """They walk towards each other; near the middle only one of them is found, as boxes that overlap by more than a half are one to it."""
    frames, wanted = [], []
    for time in range(26):
        ours, other = (box(2 * time, 10, 14, 40), 0.8), (box(50 - 2 * time, 12, 14, 44), 0.9)
        seen = [other, ours] if time not in hidden else [ours] if ours_is_seen else [other]
        seen = [ours] if time == 0 else seen
        frames.append(seen)
        wanted.append(seen.index(ours) if ours in seen else None)
    assert [choice.person for choice in choices(frames)] == wanted


def test_somebody_else_is_taken_when_the_wait_is_over():
    first, other = (box(0, 10, 14, 40), 0.9), (box(45, 10, 15, 40), 0.8)
    found = choices([[first], *[[other, first]] * 3, *[[other]] * (PATIENCE + 2)])
    assert [choice.person for choice in found] == [0, 1, 1, 1, *[None] * PATIENCE, 0, 0]


def test_frames_without_anybody_end_no_memory():
    first, other = (box(0, 10, 14, 40), 0.9), (box(25, 5, 25, 50), 0.99)
    found = choices([[first], [first, other], [], [], [other, first]])
    assert [choice.person for choice in found] == [0, 0, None, None, 1]
    assert found[2] == Choice(None, 0, False)


@pytest.mark.parametrize("missed", [1, 3])
def test_a_stranger_who_is_alone_for_a_while_is_left_again(missed):
    """Somebody else comes in just where the person is not found: of alike size, and alone."""
    ours, other = (box(5, 10, 14, 40), 0.9), (box(45, 12, 14, 40), 0.95)
    found = choices([*[[ours]] * 5, *[[other]] * missed, *[[other, ours]] * 20, [other], [other, ours]])
    assert [choice.person for choice in found] == [0] * 5 + [0] * missed + [1] * 20 + [None, 1]
    assert [number for number, choice in enumerate(found) if choice.went_back] == [5 + missed]


def test_who_jumps_and_is_found_alone_again_is_not_left():
    """Each time the only one there is taken; two who are there together are told apart by where they were."""
    ours, other = (box(5, 10, 14, 40), 0.9), (box(45, 12, 14, 40), 0.95)
    found = choices([[ours], [other], [ours], [other, ours], [other, ours]])
    assert [choice.person for choice in found] == [0, 0, 0, 1, 1] and not any(choice.went_back for choice in found)


def test_who_comes_to_where_the_person_was_before_a_jump_is_somebody_else():
    here, there = (box(5, 10, 14, 40), 0.9), (box(45, 10, 14, 40), 0.9)
    coming = [(box(left, 10, 14, 40), 0.8) for left in (25, 20, 15, 10, 5)]
    found = choices([[here], [there], *[[each, there] for each in coming]])
    assert [choice.person for choice in found] == [0, 0, *[1] * 5]


def test_a_place_is_remembered_no_longer_than_a_missing_person_is_waited_for():
    here, there = (box(5, 10, 14, 40), 0.9), (box(45, 10, 14, 40), 0.9)
    found = choices([[here], *[[there]] * (PATIENCE + 1), *[[here, there]] * 3])
    assert [choice.person for choice in found] == [0] * (PATIENCE + 2) + [1] * 3


def test_a_person_alone_may_jump_but_not_become_another():
    here, there, small = (box(0, 10, 14, 40), 0.9), (box(45, 12, 14, 40), 0.9), (box(50, 10, 5, 12), 0.9)
    assert choices([[here], [there]])[1].person == 0
    assert choices([[here], [small]])[1].person is None
    assert choices([[here], [there, small]])[1] == Choice(None, 2, False)


def test_boxes_of_one_person_count_once():
    whole = box(20, 5, 20, 50)
    shifted, upper, beside = box(21, 6, 20, 50), box(22, 6, 14, 20), box(45, 5, 15, 50)
    boxes = np.array([upper, whole, beside, shifted], float)
    scores = np.array([0.8, 0.9, 0.75, 0.85])
    assert distinct(boxes, scores) == [1, 2]
    assert distinct(boxes, scores, [2]) == [2, 1]
    people = list(zip(boxes.tolist(), scores, strict=True))
    assert choices([people])[0] == Choice(1, 2, False)
    assert choices([[people[1], people[3]]])[0].people == 1


@pytest.mark.parametrize(("score", "tie"), [(0.9, True), (0.82, True), (0.8, False)])
def test_near_ties_at_the_start(score, tie):
    """Two people of one size, at one distance from the centre."""
    people = [(box(8, 12, 16, 40), 0.9), (box(40, 12, 16, 40), score)]
    assert choices([people])[0] == Choice(0, 2, tie)


def test_near_ties_while_following():
    alone = (box(20, 10, 20, 40), 0.9)
    left, right, far = (box(12, 10, 20, 40), 0.9), (box(28, 10, 20, 40), 0.9), (box(35, 10, 20, 40), 0.9)
    assert choices([[alone], [left, right]])[1].near_tie
    assert not choices([[alone], [left, far]])[1].near_tie
