"""Which map belongs to which frame."""

import re
from collections.abc import Sequence

from ..core.errors import InputError
from .frames import Frames

LAST_NUMBER = re.compile(r"(\d+)\D*$")


def match(names: Sequence[str], frames: Frames, where: object, first: int | None = None) -> list[int | None]:
    """For every frame the number of its map, None where it has none.

    `names` are the maps' names in natural order: the names of the pictures that they were made of, without folder and suffix. With a
    folder of frames, names are compared; as many maps as frames, none of which is named like a frame, are taken in order. With a video, as
    many maps as frames are taken in order; where there are fewer, the last number in a name tells the frame, and `first` which number the
    first frame has: 0 or 1 if None, as the names themselves imply it.
    Raises InputError, which names `where`, the place of the maps, if a map has no frame, a frame two maps, or the names do not tell.
    """
    if not names:
        raise InputError(f"{where}: holds no maps")
    if frames.names is not None:
        return _by_name(names, frames, where)
    if len(names) == frames.count and first is None:
        return list(range(frames.count))
    return _by_number(names, frames, where, first)


def _by_name(names: Sequence[str], frames: Frames, where: object) -> list[int | None]:
    numbers = {name: number for number, name in enumerate(frames.names)}
    unknown = [name for name in names if name not in numbers]
    if len(unknown) == len(names) == frames.count:
        return list(range(frames.count))
    if unknown:
        raise InputError(
            f"{where}: {len(unknown)} of its {len(names)} maps have no frame in {frames.path}, the first is for {unknown[0]!r}; a map must "
            "be named as its frame is"
        )
    return _placed([numbers[name] for name in names], names, frames, where)


def _by_number(names: Sequence[str], frames: Frames, where: object, first: int | None) -> list[int | None]:
    found = [LAST_NUMBER.search(name) for name in names]
    if not all(found):
        missing = names[found.index(None)]
        raise InputError(
            f"{where}: holds {len(names)} maps but {frames.path} has {frames.count} frames, and the name {missing!r} carries no frame "
            "number; give the folder of frames that the maps were made of in place of the video"
        )
    numbers = [int(number[1]) for number in found]
    if first is None:
        first = 0 if min(numbers) == 0 else 1 if max(numbers) == frames.count else None
    if first is None:
        raise InputError(
            f"{where}: its {len(names)} maps have numbers {min(numbers)} to {max(numbers)} but {frames.path} has {frames.count} frames; "
            "say with --first which number its first frame has"
        )
    places = [number - first for number in numbers]
    outside = next((name for name, place in zip(names, places, strict=True) if not 0 <= place < frames.count), None)
    if outside is not None:
        raise InputError(
            f"{where}: the map of {outside!r} lies outside of the {frames.count} frames of {frames.path}, whose first one is number {first}"
        )
    return _placed(places, names, frames, where)


def _placed(places: list[int], names: Sequence[str], frames: Frames, where: object) -> list[int | None]:
    result: list[int | None] = [None] * frames.count
    for number, place in enumerate(places):
        if result[place] is not None:
            raise InputError(
                f"{where}: two maps, of {names[result[place]]!r} and {names[number]!r}, belong to frame {place} of {frames.path}; import "
                "every video's maps by themselves"
            )
        result[place] = number
    return result
