"""Which files of a folder are videos."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ..core.errors import InputError
from ..storage.names import check_link, check_name
from .probe import probe

VIDEOS = re.compile(
    r"\.(mp4|m4v|mov|qt|mkv|webm|avi|divx|mpe?g|mpe|m[12]v|vob|m?ts|m2ts?|tod|3gp|3g2|wmv|asf|flv|f4v|og[vm]|mxf|dv|rm|rmvb|insv|lrv|nut|ivf|y4m"
    r"|mjpe?g|h?26[45]|hevc|gif)",
    re.I,
)
"""Suffixes of files that are taken for videos unseen: one that is damaged is then named where it is decoded."""
OTHERS = re.compile(
    r"\.(txt|md|[ct]sv|json|ya?ml|toml|ini|xml|html?|pdf|log|nfo|url|py|sh|m3u8?|mpd|srt|vtt|ass|ssa|sub|idx"
    r"|png|jpe?g?|bmp|tiff?|webp|hei[cf]|avif|jp2|svg|psd|thm|mp3|wav|m4a|aac|flac|opus|wma|aiff?"
    r"|h5|hdf5|np[yz]|pkl|pth?|safetensors|mat|zip|tar|t?gz|bz2|xz|7z|rar|part|ytdl|crdownload|tmp|bak|db)",
    re.I,
)
"""Suffixes of files that are no videos. What has neither kind of suffix is opened to see."""
OWN = (".iuv.h5",)
"""Ends of names that files of maps have, which lie beside their videos."""


def is_video(path: Path) -> bool:
    """Whether a file is a video: by its suffix, or where that tells nothing, if a picture of it can be decoded."""
    if VIDEOS.fullmatch(path.suffix):
        return True
    if OTHERS.fullmatch(path.suffix):
        return False
    try:
        probe(path)
    except InputError:
        return False
    return True


def sift(paths: Iterable[Path]) -> tuple[list[Path], str]:
    """The videos among `paths`, sorted, and in words which others there are: "" if there are none. Hidden files and maps do not count.

    Raises InputError for a name that is not UTF-8 and for a link whose target is not there.
    """
    videos, others = [], []
    for path in sorted(path for path in paths if not path.name.startswith(".") and not path.name.endswith(OWN)):
        check_name(path)
        check_link(path)
        (videos if is_video(path) else others).append(path)
    counts = Counter(path.suffix.lower() for path in others)
    first = {path.suffix.lower(): path.name for path in reversed(others)}
    return videos, ", ".join(
        first[suffix] if count == 1 else f"{count} files like {first[suffix]}" for suffix, count in sorted(counts.items())
    )
