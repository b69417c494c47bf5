"""One clip: a window and a box of a video or a folder of frames, and where its IUV maps lie."""

import re
from dataclasses import dataclass
from pathlib import Path

NUMBER = r"(-?\d+(?:\.\d+)?)"
BOX = re.compile(rf"{NUMBER}-{NUMBER}-{NUMBER}-{NUMBER}")
"""Text of a box: left, top, right and bottom in pixels, with or without decimals."""


@dataclass(frozen=True)
class Clip:
    """A row of the clip table; with `name` and `video` alone, a whole video that belongs to no data set.

    `bbox` and `fps` are kept as the table writes them, since digests are made of their text; `box` and `rate` are their values.
    """

    name: str
    """Unique in its table; a valid file name."""
    video: Path
    """A video file, or a folder of numbered frames."""
    split: str = ""
    """"train" or "test"; "" outside of a data set."""
    start_frame: int | None = None
    """First frame of the window, counted from 0 at the video's own rate; None from the beginning."""
    end_frame: int | None = None
    """Frame after the last one of the window; None to the end."""
    bbox: str = ""
    """The box as `left-top-right-bottom` in pixels of the video as it is shown; "" for the whole frame."""
    fps: str = ""
    """Frames a second of a folder of frames; "" where nobody knows, and for a video, which says so itself."""
    iuv: Path | None = None
    """A side file or a folder of IUV PNGs; None where a network must make the maps."""
    sha256: str = ""
    """SHA-256 of `video`, hexadecimal; "" where it was not computed."""
    iuv_sha256: str = ""
    """SHA-256 of `iuv`, likewise."""

    @property
    def window(self) -> tuple[int | None, int | None]:
        """`start_frame` and `end_frame`, None where the window is open."""
        return self.start_frame, self.end_frame

    @property
    def box(self) -> tuple[int, int, int, int] | None:
        """(left, top, right, bottom) in whole pixels, None for the whole frame. Raises ValueError if `bbox` is no box."""
        return parse_box(self.bbox)

    @property
    def rate(self) -> float | None:
        """Frames a second, if `fps` says so."""
        return float(self.fps) if self.fps else None


def parse_box(text: str) -> tuple[int, int, int, int] | None:
    """(left, top, right, bottom) of `left-top-right-bottom`; None for empty text. Raises ValueError."""
    if not text:
        return None
    match = BOX.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not left-top-right-bottom")
    left, top, right, bottom = (round(float(part)) for part in match.groups())
    if left >= right or top >= bottom:
        raise ValueError(f"{text!r} is empty: left < right and top < bottom are needed")
    return left, top, right, bottom


def format_box(left: int, top: int, right: int, bottom: int) -> str:
    """The text of a box that `parse_box` reads."""
    return f"{left}-{top}-{right}-{bottom}"
