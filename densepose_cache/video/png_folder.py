"""Frames as a folder of PNGs: 000000.png, 000001.png, ..., for whoever goes on working with them."""

import contextlib
import re
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.errors import InputError
from ..storage.atomic import folder_written_whole
from ..storage.digest import canonical_json

FACTS = ".frames.json"
"""The file that says of which size the frames are, how many, and how many a second. Where it is, a FolderWriter has made the folder."""
FRAME = re.compile(r"\d{6,}\.png")
FAST = 1
"""Compression level: a third larger than the usual one, and several times as fast."""


class FolderWriter:
    """Write a folder of PNGs that appears under its name only when it is complete, as VideoWriter writes a video; of any `size`.

    Raises InputError for a frame of another size or type, if no frame was written, and as `check_folder`.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int]):
        self.path, self.fps, self.size, self.count = Path(path), float(fps), tuple(size), 0
        check_folder(self.path)

    def __enter__(self) -> "FolderWriter":
        with contextlib.ExitStack() as stack:
            self._folder = stack.enter_context(folder_written_whole(self.path))
            self._close = stack.pop_all()
        return self

    def write(self, frame: np.ndarray):
        """Append one frame, (height, width, 3) uint8 RGB."""
        width, height = self.size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise InputError(f"{self.path}: a frame is {frame.dtype} {frame.shape}, but uint8 {(height, width, 3)} is needed")
        Image.fromarray(frame).save(self._folder / f"{self.count:06}.png", compress_level=FAST)
        self.count += 1

    def __exit__(self, kind, *error):
        if kind is not None:
            return self._close.__exit__(kind, *error)
        with self._close:
            if not self.count:
                raise InputError(f"{self.path}: no frame to write")
            facts = {"fps": self.fps, "frames": self.count, "size": self.size}
            (self._folder / FACTS).write_text(canonical_json(facts), encoding="utf-8")
        return None


def is_folder(name: Path | str) -> bool:
    """Whether an output of this name is a folder of PNGs: the name has no ending, or ends in a slash."""
    path = Path(name)
    return bool(path.name) and (str(name).endswith("/") or "." not in path.name)


def check_folder(path: Path):
    """Raise InputError if `path` is there and is neither an empty folder nor one that a FolderWriter has made and nobody added to."""
    if not path.is_dir():
        if path.exists():
            raise InputError(f"{path}: is a file, but a folder of PNGs is to be written there; name another one")
        return
    names = {each.name for each in path.iterdir()}
    if names and not (FACTS in names and all(FRAME.fullmatch(name) for name in names - {FACTS})):
        raise InputError(f"{path}: holds files that this command has not written; empty it, or name another folder")
