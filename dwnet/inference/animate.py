"""Animate a person: one frame with its IUV map moves as a sequence of IUV maps does."""

from pathlib import Path

import numpy as np
import torch

from densepose_cache.core.errors import InputError
from densepose_cache.core.progress import track
from densepose_cache.video import VideoWriter

from .driving import FreeDriving, grid_engine
from .inputs import Motion, Person
from .panels import sheet, sheet_size
from .rollout import generate_frames, video_panels


def animate(generator, person: Person, motion: Motion, out: Path, panels: bool, device: torch.device) -> int:
    """Write the video `out` and return its number of frames; `panels` puts source, pose and coarse warp beside the generated frame.

    Raises InputError if person and motion differ in size.
    """
    size = person.image.shape[0]
    if person.image.shape != person.iuv.shape or person.image.shape != motion.iuv.shape[1:]:
        raise InputError(f"the person has frames of {person.image.shape[:2]}, the motion of {motion.iuv.shape[1:3]}; they must be the same")
    driving = FreeDriving(person.image, person.iuv, motion.iuv, grid_engine(device))
    frames = generate_frames(generator.to(device), [driving], [len(motion.iuv)], device)
    shape = sheet_size(4 + (motion.frames is not None), size) if panels else (size, size)
    with VideoWriter(out, motion.fps, shape, sound=motion.sound) as video:
        for number, generated in enumerate(track(frames, "animate", len(motion.iuv))):
            picture = _sheet(driving, number, generated[0], motion.frames) if panels else generated[0]
            for _ in range(motion.repeats[number]):
                video.write(picture)
    return int(motion.repeats.sum())


def _sheet(driving: FreeDriving, number: int, generated: np.ndarray, frames: np.ndarray | None) -> np.ndarray:
    real = {} if frames is None else {"driving video": frames[number]}
    return sheet(video_panels(driving, number, generated) | real)
