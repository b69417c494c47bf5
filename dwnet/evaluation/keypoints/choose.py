"""Which of the people that a detector finds is the clip's: the one on the body of the driving map.

In a real frame it is the candidate with the largest `overlap`; where none overlaps the body it is nobody. In a generated frame the same map
judges, with two differences:

- Candidates that stand where a bystander of the real frame stands are left out.
- Where none of the others overlaps the body, the nearest of them is taken, however far it is. So a figure that stays where it was while
  the body moves on is measured at its distance.

Three cases stay ambiguous. A bystander of the generated frame who is not found in the real one, because the clip's person hides them or
the detector misses them, or who has moved on in it by more than half of their size, is taken if they overlap the body or are the
nearest. One who stands so close to the clip's person that their boxes mostly agree passes for a second detection of that person. And if
the person is missed in the real frame, a bystander there who touches the body is taken.
"""

import numpy as np

MARGIN = 0.05
"""A joint lies on the body if a body pixel is within this share of the longer side of the body's box, along either axis."""
SAME_PLACE = 0.5
"""Two people stand in the same place if the intersection over union of their boxes is at least this."""


def on_body(candidates: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Joints (17, 3) of the candidate (of P, 17, 3) that overlaps `body` (S, S) bool most; all zero where none does.

    Joints are x, y in pixels and presence, 0 or 1.
    """
    candidates = _seen(candidates)
    shares = [overlap(joints, body) for joints in candidates]
    return candidates[int(np.argmax(shares))] if any(shares) else np.zeros(candidates.shape[1:], candidates.dtype)


def beside_real(candidates: np.ndarray, body: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The same for a generated frame beside the candidates `real` (Q, 17, 3) of the real one: without its bystanders, and the nearest of
    the others where none overlaps `body`. All zero if nobody is on the body in the real frame: there is nothing to compare with."""
    person, candidates = on_body(real, body), _seen(candidates)
    if not person.any():
        return person
    bystanders = [box_of(other) for other in _seen(real) if intersection_over_union(box_of(other), box_of(person)) < SAME_PLACE]
    left = candidates[[not _is_bystander(box_of(joints), box_of(person), bystanders) for joints in candidates]]
    chosen = on_body(left, body)
    if chosen.any() or not len(left):
        return chosen
    centre = _centre(box_of_mask(body))
    return left[int(np.argmin([np.linalg.norm(_centre(box_of(joints)) - centre) for joints in left]))]


def overlap(joints: np.ndarray, body: np.ndarray) -> float:
    """How much a person (17, 3), who has a joint, overlaps `body` (S, S) bool, 0 to 1; 0 for an empty body.

    It is the share of the person's joints that lie on the body, times the intersection over union of the joints' box and the body's. The
    share tells who stands beside the body from who is on it; the boxes tell somebody behind it, of whom few joints are seen.
    """
    if not body.any():
        return 0.0
    box = box_of_mask(body)
    margin = max(1, round(MARGIN * float((box[2:] - box[:2]).max())))
    lie = [_near(body, x, y, margin) for x, y, present in joints if present]
    return float(np.mean(lie)) * intersection_over_union(box_of(joints), box)


def box_of(joints: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom (4,) in pixels around a person's joints (17, 3), of which at least one is present; every joint is a pixel
    wide."""
    places = joints[joints[:, 2] > 0, :2]
    return np.concatenate([places.min(0), places.max(0) + 1])


def box_of_mask(body: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom (4,) in pixels around the pixels of `body` (S, S) bool, which has some."""
    rows, columns = np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)


def intersection_over_union(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes (4,)."""
    common = float(np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod())
    return common / (float((one[2:] - one[:2]).prod()) + float((other[2:] - other[:2]).prod()) - common)


def _seen(candidates: np.ndarray) -> np.ndarray:
    """Those of the candidates (P, 17, 3) that have a joint."""
    return candidates[(candidates[..., 2] > 0).any(1)]


def _is_bystander(box: np.ndarray, person: np.ndarray, bystanders: list[np.ndarray]) -> bool:
    """Whether the person in `box` (4,) stands where a bystander stands, and stands there rather than where `person` does."""
    best = max((intersection_over_union(box, other) for other in bystanders), default=0.0)
    return best >= SAME_PLACE and best > intersection_over_union(box, person)


def _near(body: np.ndarray, x: float, y: float, margin: int) -> bool:
    """Whether `body` has a pixel at most `margin` columns and rows from x, y."""
    rows, columns = (slice(max(0, round(float(at)) - margin), max(0, round(float(at)) + margin + 1)) for at in (y, x))
    return bool(body[rows, columns].any())


def _centre(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2
