import numpy as np

from densepose_cache.densepose.person import first_choice, follow, overlap

BOXES = np.array([[0, 0, 10, 10], [20, 10, 50, 60], [45, 20, 60, 60]], float)


def test_overlap_of_equal_disjoint_and_half_covered_boxes():
    boxes = np.array([[0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 20], [5, 0, 15, 10], [3, 3, 3, 3]], float)
    assert np.allclose(overlap(boxes[0], boxes), [1, 0, 0.5, 1 / 3, 0])


def test_first_choice_weighs_score_size_and_centre():
    assert first_choice(BOXES, np.array([0.9, 0.9, 0.9]), 64) == 1
    assert first_choice(BOXES, np.array([0.9, 0.1, 0.9]), 64) == 2
    same = np.array([[0, 0, 20, 20], [22, 22, 42, 42]], float)
    assert first_choice(same, np.array([0.9, 0.9]), 64) == 1
    assert first_choice(same, np.array([0.99, 0.3]), 64) == 0


def test_the_person_is_followed_through_a_crossing():
    """A small person walks to the right in front of a large one that stands still."""
    large = np.array([20, 5, 50, 60], float)
    last = np.array([0, 30, 10, 60], float)
    for step in range(1, 12):
        small = np.array([5 * step, 30, 5 * step + 10, 60], float)
        boxes = np.stack([large, small])
        assert follow(last, boxes, np.array([0.99, 0.8]), 64) == 1
        last = small


def test_nobody_and_a_new_start():
    assert follow(None, np.zeros((0, 4)), np.zeros(0), 64) is None
    assert follow(BOXES[0], np.zeros((0, 4)), np.zeros(0), 64) is None
    scores = np.array([0.9, 0.9, 0.9])
    assert follow(None, BOXES, scores, 64) == 1
    assert follow(np.array([0, 50, 5, 60], float), BOXES, scores, 64) == 1, "no overlap with anybody: the best one"
    assert follow(BOXES[2], BOXES, np.array([0.9, 0.99, 0.2]), 64) == 2
