"""A quick look at a few frames: where the person is, and who else."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.backend import FrameMap
from densepose_cache.densepose.person import overlap
from densepose_cache.densepose.search import People, Search, Start, finer_for

from ..extraction import Extraction
from ..stream import FrameStream
from .choice import PersonChoice, present
from .footage import Footage, to_source, to_square
from .square import body_box

SIDE = 256
"""Of the frames that are looked at; finer looks have larger ones, up to the source's own."""
FRAMES = 32
"""That are looked at; half as many where the look is finer."""
EXPECTED = 0.2
"""Share of the picture's longer side that people have at least, as a rule."""
SURE = 0.9
"""Score from which on the network is hardly ever wrong."""
CANDIDATES = 4
"""Every one of this many is searched for the person who is asked for."""

Maps = Callable[[np.ndarray, Geometry], Generator[FrameMap]]
"""Yields the maps of the frames `numbers` (T,), moved by the geometry."""


@dataclass(frozen=True)
class Sight:
    """The `boxes` (N, 4) of the person in pixels of the source; who is followed, `start`, with its place in the footage's numbers, None
    where there is nobody else; what is to be said of it; how sure the network is, in [0, 1]."""

    boxes: np.ndarray
    start: Start | None = None
    words: str | None = None
    score: float = 1.0


def look(footage: Footage, choice: PersonChoice | None, extraction: Extraction) -> Sight:
    """Where the person is. Looks again, more finely, where people are too small to be found well or the network is in doubt, and takes what
    it is surest of. Raises InputError if nobody is there, or not the person of the `choice`."""
    usual = finer_for(EXPECTED, extraction.needed)
    sights, crowd = [], np.zeros((0, 4))
    for finer in dict.fromkeys((usual, 2 * usual, 1)):
        view = _View(footage, extraction, finer, FRAMES // 2 if finer > usual else FRAMES)
        start = None
        if choice:
            start, seen = view.choose(choice)
            crowd = max(seen, crowd, key=len)
        if choice is None or start:
            sights += filter(None, [view.sight(choice, start)])
        if sights and (finer > usual or _good(sights[-1], footage, extraction.needed / finer)):
            return max(sights, key=lambda sight: sight.score)
    if not sights:
        raise InputError(_nobody(footage, choice, crowd))
    return sights[-1]


def _good(sight: Sight, footage: Footage, needed: float) -> bool:
    """Whether no finer look is wanted where people must have the share `needed` of the side."""
    return sight.score >= SURE and tall(sight.boxes) >= needed * max(footage.shape)


def look_at_maps(maps: Maps, footage: Footage) -> Sight:
    """As `look`, where `maps` are given; see `framed_by`."""
    geometry, places = footage.whole(min(2 * SIDE, max(footage.shape))), footage.spread(FRAMES)
    with closing(maps(footage.numbers[places], geometry)) as found:
        boxes = [to_source(body_box(one.iuv), geometry) for one in found if one.iuv is not None]
    if not boxes:
        raise InputError(_nobody(footage, None, np.zeros((0, 4))))
    return Sight(np.array(boxes))


def tall(boxes: np.ndarray) -> float:
    """How long the body in `boxes` (N, 4) is as a rule, in their pixels."""
    return float(np.median(np.max(boxes[:, 2:] - boxes[:, :2], axis=1)))


def _nobody(footage: Footage, choice: PersonChoice | None, crowd: np.ndarray) -> str:
    if choice and len(crowd):
        places = ", ".join(f"{number} at {_text(box)}" for number, box in enumerate(crowd, 1))
        people = "person is" if len(crowd) == 1 else "people are"
        return f"{footage.path}: {choice.flag} {choice.text} is not there; {len(crowd)} {people}: {places}; choose one of them"
    count, seen = len(footage.numbers), min(FRAMES, len(footage.numbers))
    if count == 1:
        return f"{footage.path}: nobody was found on this picture; choose another one, or give its IUV map with {footage.iuv_flag}"
    frames = f"any of its {count} frames" if seen == count else f"{seen} frames spread over it"
    where = f"{footage.path}: nobody was found in {frames}"
    return f"{where}; take another one, or a part with a person, or give its IUV maps with {footage.iuv_flag}"


def _text(box: np.ndarray) -> str:
    return "-".join(str(max(0, round(edge))) for edge in box)


class _View:
    """At most `count` frames of the footage, whole, as one network sees them."""

    def __init__(self, footage: Footage, extraction: Extraction, finer: int, count: int):
        self.footage, self.extraction, self.finer = footage, extraction, finer
        self.places = footage.spread(count)
        self.geometry: Geometry = footage.whole(min(SIDE * finer, max(footage.shape)))

    def choose(self, choice: PersonChoice) -> tuple[Start | None, np.ndarray]:
        """Who is chosen, on the first of some frames where that person is; the most boxes (N, 4) of people on a frame where it is not."""
        most = np.zeros((0, 4))
        places = self.places[::CANDIDATES]
        with closing(self._decoded(places)) as frames:
            for place, frame in zip(places, frames, strict=False):
                people = self._people(frame)
                if (person := choice.pick(people)) is not None:
                    return Start(int(place), tuple(person.tolist())), most
                most = max(most, present(people), key=len)
        return None, most

    def sight(self, choice: PersonChoice | None, start: Start | None) -> Sight | None:
        """The person, followed from `start`; None where nobody is."""
        search = Search(self.finer, start and Start(int(np.searchsorted(self.places, start.frame)), self._square(start.box)))
        numbers = self.footage.numbers[self.places]
        boxes, scores, first, several = [], [], None, False
        with closing(self._decoded(self.places)) as frames:
            stream = FrameStream(frames, len(numbers), self.geometry.size, keep=False)
            found = self.extraction.find(
                self.footage.path, numbers, self.geometry, self.footage.iuv_flag, lambda: stream, search, quiet=True
            )
            with closing(found):
                for place, one in zip(self.places, found, strict=True):
                    scores.append(0.0 if one.iuv is None else one.score)
                    if one.iuv is not None:
                        boxes.append(to_source(body_box(one.iuv), self.geometry))
                        first = int(place) if first is None else first
                        several |= one.people > 1 and place == first
        if first is None:
            return None
        if start is None and not several:
            return Sight(np.array(boxes), score=float(np.median(scores)))
        start, words = self._among(start or Start(first, tuple(boxes[0])), choice)
        return Sight(np.array(boxes), start, words, float(np.median(scores)))

    def _among(self, start: Start, choice: PersonChoice | None) -> tuple[Start | None, str | None]:
        """Start and words of a `Sight`, by who else is there."""
        with closing(self._decoded(np.array([start.frame]))) as frames:
            everybody = self._people(next(frames))
        people = present(everybody)
        if len(people) < 2 or not (overlaps := overlap(np.array(start.box), people)).any():
            return start if choice else None, None
        person = int(overlaps.argmax())
        other = "" if choice else f"; another one with {self.footage.person_flag}"
        words = f"{len(people)} people; took number {person + 1} from the left, at {_text(people[person])}{other}"
        return Start(start.frame, tuple(people[person].tolist())), words

    def _people(self, frame: np.ndarray) -> People:
        """Those who are on a frame, from left to right, in pixels of the source."""
        found = self.extraction.people(self.footage.path, self.footage.iuv_flag, frame, self.finer)
        return People(to_source(found.boxes, self.geometry), found.scores)

    def _square(self, box: tuple) -> tuple:
        return tuple(to_square(box, self.geometry).tolist())

    def _decoded(self, places: np.ndarray) -> Iterator[np.ndarray]:
        return self.footage.decode(self.geometry, self.footage.numbers[places])
