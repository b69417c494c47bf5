"""What `dwnet animate` may be given, and what it says of it."""

import contextlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.errors import InputError
from densepose_cache.storage.names import check_link, check_name, is_there, output_path
from densepose_cache.video.writing import ENCODERS

MOTION_SUFFIX = ".motion.h5"
CACHED = re.compile(r"(?P<path>.+\.h5):(?P<clip>[^:/]+)")


def cached(text: str) -> tuple[Path, str] | None:
    """(index file, clip) of `cache/{dataset}/{split}.h5:{clip}`; None for anything else."""
    match = CACHED.fullmatch(text)
    return (Path(match["path"]), match["clip"]) if match else None


def frame_size(inputs: Sequence[str], asked: int | None) -> int | None:
    """Side of the frames: that of clips of the cache among the `inputs`, else the one `asked` for, perhaps None. Raises InputError if they
    differ, or if frames `asked` for cannot be generated."""
    if asked is not None and (asked % 4 or not 32 <= asked <= 2048):
        raise InputError(f"frames of {asked}x{asked} pixels cannot be generated; the size must be a multiple of 4, from 32 to 2048")
    sizes = {}
    for path, _ in filter(None, map(cached, inputs)):
        with SplitReader(path) as reader:
            sizes[path] = reader.size
            if asked not in (None, reader.size):
                raise InputError(f"{path}: its frames have a side of {reader.size} pixels, not {asked}; leave out --size, or give files")
    if len(set(sizes.values())) > 1:
        raise InputError("the clips have frames of different sizes: " + ", ".join(f"{path} {size}" for path, size in sizes.items()))
    return next(iter(sizes.values()), asked)


def check_output(out: Path, *inputs: str):
    """Raise InputError if the video `out` is one of the files that the `inputs` name, or of a kind that is not written, or a name that no
    file can have."""
    output_path(out)
    for text in inputs:
        with contextlib.suppress(OSError):
            if out.samefile(text):
                raise InputError(f"{out}: is the same file as {text}, which would be overwritten; name another one with --output")
    if out.suffix.lower() not in ENCODERS:
        kinds = f"{', '.join(list(ENCODERS)[:-1])} or {list(ENCODERS)[-1]}"
        raise InputError(f"{out}: does not end in {kinds}, and no other kind of file is written; name another one with --output")


def cached_alone(text: str, iuv: Path | None, flag: str) -> tuple[Path, str] | None:
    """As `cached`. Raises InputError where maps are given for a clip that has its own."""
    place = cached(text)
    if place and iuv:
        raise InputError(f"{iuv}: the clip {text} has IUV maps of its own; leave out {flag}")
    return place


def is_motion(path: Path) -> bool:
    """Whether the name `path` is that of a motion file."""
    return path.name.endswith(MOTION_SUFFIX)


def existing(text: str, what: str) -> Path:
    """The absolute path of a file or folder `text`, called `what` in messages. Raises InputError if it is not there or of the cache."""
    path = Path(text).absolute()
    check_name(path)
    check_link(path)
    if not path.exists():
        raise InputError(f"{text}: no such {what}; give a file, or a clip of the cache as cache/DATASET/test.h5:CLIP")
    if path.suffix == ".h5" and not is_motion(path):
        raise InputError(f"{text}: is no {what}; of a file of the cache give a clip, as {text}:CLIP")
    return path


def first_there(places: list[Path]) -> Path | None:
    """The first of `places` that is there."""
    return next((place for place in places if is_there(place)), None)


def say(path: Path, *texts: str):
    """Say `texts` of a file on standard error, if there are any."""
    if texts := list(filter(None, texts)):
        print(f"{path}: {'; '.join(texts)}", file=sys.stderr)
