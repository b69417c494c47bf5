"""The videos of an animation: the result, alone or in the whole photo, and its comparison with the inputs."""

from pathlib import Path

import numpy as np

from densepose_cache.core.errors import InputError
from densepose_cache.storage.names import output_path
from densepose_cache.video.png_folder import is_folder
from densepose_cache.video.sound import Sound
from densepose_cache.video.writing import SILENT
from dwnet.config import AnimateSettings
from dwnet.inference.panels import sheet, sheet_size
from dwnet.inference.rollout import video_panels

from ..inputs import say
from ..motion import Motion
from ..person import Person
from .names import compare_path
from .paste_back import PasteBack
from .shown import Output, Shown


def is_pasted(person: Person, settings: AnimateSettings, source: str) -> bool:
    """Whether the result goes back into the photo. Raises InputError where there is none, and it must."""
    if person.photo is None and settings.paste_back == "on":
        raise InputError(f"{source}: has no photo to go back into, since it is a clip of the cache; leave out --paste-back on")
    if person.photo is None or settings.paste_back != "auto":
        return settings.paste_back == "on"
    (height, width), side = person.photo.shape[:2], len(person.image)
    return width != height or width > side


def place(out: Path | str, motion: Motion) -> tuple[Path, bool, Sound | None]:
    """Path of the video or folder `out`, whether it is a folder, and the sound that goes with the motion there. Says what cannot."""
    path, folder, sound = output_path(out), is_folder(out), motion.sound
    if folder:
        say(path, f"PNGs to be shown at {motion.fps:g} frames a second" + ", without the sound" * (sound is not None))
    elif sound and path.suffix.lower() in SILENT:
        say(path, "has no sound: this kind of video cannot")
    return path, folder, None if folder or path.suffix.lower() in SILENT else sound


def result_output(out: Path | str, person: Person, motion: Motion, settings: AnimateSettings, pasted: bool) -> Output:
    """The result as the file or folder `out`, `pasted` into the photo or not. Says what is not as one may think."""
    path, folder, sound = place(out, motion)
    if not pasted:
        return Output(path, (motion.size,) * 2, lambda shown: shown.frame, sound, folder)
    paste = PasteBack(person, settings.longest_side)
    width, height = paste.size
    if paste.size != person.photo.shape[1::-1]:
        whole = "x".join(map(str, person.photo.shape[1::-1]))
        say(path, f"the photo's {whole} pixels are shown at {width}x{height}; --longest-side sets another size")
    size = paste.size if folder else (width + width % 2, height + height % 2)
    if size != paste.size:
        say(path, f"the last {' and the last '.join(['column'] * (width % 2) + ['row'] * (height % 2))} twice: a video has even sides")

    def picture(shown: Shown) -> np.ndarray:
        found = paste.picture(shown.frame, shown.driving.iuv(shown.number))
        return found if size == paste.size else np.pad(found, ((0, size[1] - height), (0, size[0] - width), (0, 0)), "edge")

    return Output(path, size, picture, sound, folder)


def comparison_output(out: Path | str, person: Person, motion: Motion) -> Output:
    """Sources, pose, coarse warp, result and, where the motion has its frames, driving video side by side, beside the file `out`."""
    sources = {f"source {number}" if number > 1 else "source": one.image for number, one in enumerate((person, *person.further), 1)}

    def picture(shown: Shown) -> np.ndarray:
        real = {} if shown.read.frame is None else {"driving video": shown.read.frame}
        return sheet(sources | video_panels(shown.driving, shown.number, shown.frame) | real)

    return Output(compare_path(out), sheet_size(3 + len(sources) + motion.frames, motion.size), picture, motion.sound)
