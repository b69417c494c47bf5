"""A crop of a photo that has room for a motion."""

from dataclasses import replace

import numpy as np

from ..person import Person
from ..proportions.fit import room
from ..proportions.segments import measured
from ..proportions.start import Look
from .choice import Framing
from .square import square


def roomy(person: Person, looks: list[Look], framing: Framing) -> Framing | None:
    """The framing of a photo in which the motion that `looks` show has room, with a body as large as the photo's; None where it has.

    It shows the whole photo if that is not enough.
    """
    source = measured(person.iuv)
    whole = person.photo is None or person.geometry.whole
    if source is None or not looks or whole or not framing.crop:
        return None
    size, geometry = len(person.image), person.geometry
    needed = room(source, [look.body for look in looks], size)
    if (needed[:2] >= 0).all() and (needed[2:] <= size).all():
        return None
    top = source.crown if np.isfinite(source.crown) else 0
    both = np.concatenate([np.minimum(needed[:2], (source.left, top)), np.maximum(needed[2:], (source.right, source.bottom))])
    box = both * geometry.side / size + np.tile(geometry.origin, 2)
    wider = square(box, (geometry.width, geometry.height))
    return replace(framing, box=wider) if wider else replace(framing, crop=False)
