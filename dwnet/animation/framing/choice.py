"""Which of several people is meant."""

import re
from dataclasses import dataclass

import numpy as np

from densepose_cache.core.errors import InputError
from densepose_cache.densepose.person import areas
from densepose_cache.densepose.search import People

WORDS = ("left", "right", "largest")
NEAR = 0.1
"""A point may lie beside a person's box by this share of its sides."""
BESIDE = 0.45
"""People count whose score squared x square root of the area is at least this share of the largest; others are far away, or trees."""


@dataclass(frozen=True)
class PersonChoice:
    """What the option `flag` says: `left`, `right`, `largest`, a number that counts from the left, from 1, or a point `X,Y` in pixels."""

    text: str
    flag: str

    @classmethod
    def parse(cls, text: str | None, flag: str) -> "PersonChoice | None":
        """The choice that a text says, None for None. Raises InputError if it says none."""
        if text is None:
            return None
        if text in WORDS or re.fullmatch(r"[1-9]\d{0,3}|\d{1,6}(\.\d+)?,\d{1,6}(\.\d+)?", text):
            return cls(text, flag)
        raise InputError(
            f"{flag} {text}: says nobody; give left, right, largest, a number from the left (1, 2, ...) or a point X,Y in pixels"
        )

    def pick(self, people: People) -> np.ndarray | None:
        """The box (4,) of the one who is meant among `people`, who stand from left to right. None where nobody is."""
        boxes = people.boxes if "," in self.text else present(people)
        if not len(boxes):
            return None
        if self.text in WORDS:
            return boxes[{"left": 0, "right": -1, "largest": int(areas(boxes).argmax())}[self.text]]
        if "," not in self.text:
            return boxes[int(self.text) - 1] if int(self.text) <= len(boxes) else None
        point = np.array([float(value) for value in self.text.split(",")])
        near = NEAR * (boxes[:, 2:] - boxes[:, :2])
        held = ((point >= boxes[:, :2] - near) & (point <= boxes[:, 2:] + near)).all(1)
        distance = np.linalg.norm((boxes[:, :2] + boxes[:, 2:]) / 2 - point, axis=1)
        return boxes[np.where(held, distance, np.inf).argmin()] if held.any() else None


def present(people: People) -> np.ndarray:
    """Boxes (N, 4) of the `people` who count: not of those who are doubtful or small beside the others."""
    weight = people.scores**2 * np.sqrt(areas(people.boxes))
    return people.boxes[weight >= BESIDE * weight.max(initial=0)]


@dataclass(frozen=True)
class Framing:
    """`crop`: a square around the person is cut out; else the whole picture is padded to one. `choice` is the person, None the one who is
    most certain, largest and most central. `box` (left, top, right, bottom in pixels) is what is cut out, where that is known before."""

    crop: bool = True
    choice: PersonChoice | None = None
    box: tuple[int, int, int, int] | None = None

    def refuse(self, text: str):
        """Raise InputError if somebody is chosen of the clip or motion file `text`, which shows one person."""
        if self.choice:
            raise InputError(f"{text}: shows one person already; leave out {self.choice.flag}")


CROPPED = Framing()
