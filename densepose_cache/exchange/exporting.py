"""Write the maps of clips as pictures that other tools read."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from ..clips.table import read_csv
from ..core.errors import InputError
from ..core.progress import Bar
from ..iuv import write_iuv_png
from ..storage.atomic import folder_written_whole, write_text_whole
from .pictures import INDS, IUV
from .sources import MappedClip, open_clips

FRAMES_FOLDER, MAPS_FOLDER = "target", "dp_target"
TABLE = "clips.csv"


def export_iuv(
    source: Path, out: Path, format: str = "iuv-png", order: str = "VUI", clips: list[str] | None = None, replace: bool = False
) -> list[MappedClip]:
    """Write the clips of `source` (see `open_clips`; of these only `clips`, if given) into the folder `out`, a folder a clip.

    Frame t is `frame{t:06d}` from 0 on. Formats:
    `iuv-png`: `{clip}/frame000000_IUV.png`, channels in `order` as an RGB reader sees them (VUI is what OpenCV reads as I, U, V);
    `densepose-png`: beside it `{clip}/frame000000_INDS.png`, 1 where the person is and 0 elsewhere;
    `dwnet`: the layout of the paper's official code, `{clip}/target/frame000000.png` and `{clip}/dp_target/frame000000_IUV.png`; for
    clips of the cache also the table `out/clips.csv` (clip, split, fps), which a source of kind `frames` takes as its `table`.
    Every clip's folder appears when it is complete. Raises InputError if the source is missing or damaged, or a clip's folder is there and
    `replace` is not set.
    """
    if format not in FORMATS:
        raise InputError(f"format {format!r} is unknown; allowed: {', '.join(FORMATS)}")
    out = Path(out)
    with open_clips(source, clips) as found:
        there = [out / clip.name for clip in found if (out / clip.name).exists()]
        if there and not replace:
            raise InputError(f"{there[0]}: exists; give --replace to write it anew, or another folder")
        with Bar("Export maps", sum(clip.length for clip in found)) as bar:
            for clip in found:
                with folder_written_whole(out / clip.name) as folder:
                    for _ in FORMATS[format](clip, folder, order):
                        bar.advance(text=clip.name)
        if format == "dwnet":
            _list(out / TABLE, [clip for clip in found if clip.split])
    return found


def _iuv_png(clip: MappedClip, folder: Path, order: str) -> Iterator[None]:
    for time, iuv in enumerate(clip.maps()):
        write_iuv_png(folder / f"{_name(time)}{IUV}", iuv, order)
        yield


def _densepose_png(clip: MappedClip, folder: Path, order: str) -> Iterator[None]:
    for time, iuv in enumerate(clip.maps()):
        write_iuv_png(folder / f"{_name(time)}{IUV}", iuv, order)
        Image.fromarray((iuv[..., 0] > 0).astype(np.uint8)).save(folder / f"{_name(time)}{INDS}")
        yield


def _dwnet(clip: MappedClip, folder: Path, order: str) -> Iterator[None]:
    (folder / FRAMES_FOLDER).mkdir()
    (folder / MAPS_FOLDER).mkdir()
    for time, (iuv, frame) in enumerate(zip(clip.maps(), _as_many(clip), strict=True)):
        write_iuv_png(folder / MAPS_FOLDER / f"{_name(time)}{IUV}", iuv, order)
        Image.fromarray(frame).save(folder / FRAMES_FOLDER / f"{_name(time)}.png")
        yield


FORMATS: dict[str, Callable[[MappedClip, Path, str], Iterator[None]]] = {
    "iuv-png": _iuv_png,
    "densepose-png": _densepose_png,
    "dwnet": _dwnet,
}


def _as_many(clip: MappedClip) -> Iterator[np.ndarray]:
    """The clip's frames. Raises InputError if they are fewer or more than its maps."""
    count = 0
    for count, frame in enumerate(clip.frames(), 1):
        if count > clip.length:
            break
        yield frame
    if count != clip.length:
        raise InputError(
            f"clip {clip.name} has {clip.length} maps but {'more' if count > clip.length else count} frames; import its maps again"
        )


def _name(time: int) -> str:
    return f"frame{time:06d}"


def _list(path: Path, clips: list[MappedClip]):
    """Put `clips` into the table `path`; the rows of others stay."""
    if not clips:
        return
    rows = pd.DataFrame([{"clip": clip.name, "split": clip.split, "fps": f"{clip.fps:.10g}"} for clip in clips])
    if path.is_file():
        old = read_csv(path, ("clip", "split", "fps"))
        rows = pd.concat([old[~old["clip"].isin(rows["clip"])], rows]).sort_values("clip")
    write_text_whole(path, rows.to_csv(index=False))
