"""What `dwnet animate` may be given, and what it says of it."""

import contextlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.errors import InputError
from densepose_cache.iuv import PNG_SUFFIX
from densepose_cache.storage.names import check_link, check_name, is_there, output_path
from densepose_cache.video.png_folder import check_folder, is_folder
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


def check_apart(out: Path | str, *inputs: str):
    """Raise InputError if `out` is one of the files that the `inputs` name, or the folder of one, or has a name that no file can have."""
    path = output_path(Path(out))
    for text in inputs:
        with contextlib.suppress(OSError):
            if path.samefile(text) or (path.is_dir() and Path(text).resolve().is_relative_to(path.resolve())):
                raise InputError(f"{out}: is the same file as {text}, which would be overwritten; name another one with --output")


def check_output(out: Path | str, *inputs: str):
    """Raise InputError as `check_apart`, or if `out` is of a kind that is not written, or a folder that holds other files."""
    check_apart(out, *inputs)
    path = output_path(Path(out))
    if is_folder(out):
        check_folder(path)
    elif path.suffix.lower() not in ENCODERS:
        kinds = f"{', '.join(list(ENCODERS)[:-1])} or {list(ENCODERS)[-1]}"
        raise InputError(
            f"{out}: does not end in {kinds}, and no other kind of file is written; name another one with --output, or one "
            "without an ending for a folder of PNGs"
        )


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


def picture_maps(path: Path) -> Path | None:
    """The IUV map that lies beside the picture `path`, if one does."""
    official = path.parent.with_name("dp_target")
    return first_there(
        [path.with_name(f"{path.stem}{PNG_SUFFIX}"), path.with_name(f"{path.stem}.iuv.h5"), official / f"{path.stem}{PNG_SUFFIX}"]
    )


def motion_maps(path: Path) -> Path | None:
    """The IUV maps that lie beside the video or folder of frames `path`, if any do."""
    official = [path.with_name("dp_target")] if path.is_dir() else []
    return first_there([path.with_name(f"{path.stem}.iuv.h5"), path.with_name(f"{path.stem}_IUV"), *official])


def say(path: Path, *texts: str):
    """Say `texts` of a file on standard error, if there are any."""
    if texts := list(filter(None, texts)):
        print(f"{path}: {'; '.join(texts)}", file=sys.stderr)
