"""Further pictures of the person who is animated."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from densepose_cache.core.errors import InputError

from ..inference.views.pictures import alike
from .extraction import Extraction
from .framing.choice import Framing
from .person import Person, load_person


def load_further(
    person: Person, texts: Sequence[str], maps: Sequence[Path | None], extraction: Extraction, framing: Framing
) -> tuple[Person, ...]:
    """The further pictures `texts` of `person`, as `load_person` reads them, in the colours of the first and before its background.

    `maps` are their files of IUV maps in order. A picture that is there already is left out. Raises InputError.
    """
    if len(maps) > len(texts):
        raise InputError(f"{maps[len(texts)]}: there is no picture for this IUV map; give --source-iuv at most once for every picture")
    people = [person]
    for text, iuv in zip_longest(texts, maps):
        another = load_person(text, iuv, person.image.shape[0], extraction, framing)
        if not any(np.array_equal(another.image, one.image) and np.array_equal(another.iuv, one.iuv) for one in people):
            people.append(another)
    pictures = alike([one.image for one in people], [one.iuv for one in people])
    return tuple(replace(one, image=picture) for one, picture in zip(people[1:], pictures[1:], strict=True))
