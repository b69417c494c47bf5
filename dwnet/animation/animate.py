"""Animate a person: one frame with its IUV map moves as a sequence of IUV maps does."""

import sys
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from densepose_cache.core.ahead import ahead
from densepose_cache.core.errors import InputError
from densepose_cache.core.progress import Bar
from densepose_cache.video import VideoWriter

from ..inference.driving import FreeDriving, grid_engine
from ..inference.panels import sheet, sheet_size
from ..inference.rollout import generate_frames, video_panels
from .motion import DrivingFrame, Motion
from .person import Person
from .stream import Recent

AHEAD = 8
"""Driving frames that are decoded and have their IUV maps before the generator wants them."""


Report = Callable[[int, int], None]
"""Is told how many frames are done and of how many, before the first one and after each. Raises KeyboardInterrupt to end the work."""


def animate(generator, person: Person, motion: Motion, out: Path, panels: bool, device: torch.device, report: Report | None = None):
    """Write the video `out`; `panels` puts source, pose and coarse warp beside the generated frame.

    Frames get their IUV maps in a thread of their own and are decoded and encoded in processes of theirs, beside the generator; memory
    does not depend on their number. Where it is stopped it says how far it came, and leaves no file. Raises InputError if person and motion
    differ in size.
    """
    size = person.image.shape[0]
    if person.image.shape != person.iuv.shape or size != motion.size:
        raise InputError(f"the person has frames of {person.image.shape[:2]}, the motion of {(motion.size,) * 2}; they must be the same")
    shape = sheet_size(4 + motion.frames, size) if panels else (size, size)
    bar = Bar("animate", len(motion), unit="frames", report=report)
    try:
        with bar, VideoWriter(out, motion.fps, shape, sound=motion.sound) as video, ahead(motion.read(), AHEAD) as frames:
            bar.advance(0)
            for number, picture in enumerate(_pictures(generator, person, motion, frames, panels, device)):
                for _ in range(motion.repeats[number]):
                    video.write(picture)
                bar.advance()
            deque(frames, maxlen=0)  # what is wrong with the motion as a whole is said at its end
    except (KeyboardInterrupt, SystemExit):
        print(f"{out}: stopped after {bar.done} of {len(motion)} frames; nothing is written", file=sys.stderr)
        raise


def _pictures(
    generator, person: Person, motion: Motion, frames: Iterator[DrivingFrame], panels: bool, device: torch.device
) -> Iterator[np.ndarray]:
    """Yield what the video shows, frame after frame."""
    seen: deque[np.ndarray | None] = deque()

    def maps() -> Iterator[np.ndarray]:
        for driving in frames:
            seen.append(driving.frame)
            yield driving.iuv

    # A frame is handed over while the next one is under way, which looks at the map before its own.
    driving = FreeDriving(person.image, person.iuv, Recent(maps(), kept=2), grid_engine(device))
    for number, (frame,) in enumerate(generate_frames(generator.to(device), [driving], [len(motion)], device)):
        real = seen.popleft()
        if panels:
            yield sheet(video_panels(driving, number, frame) | ({} if real is None else {"driving video": real}))
        else:
            yield frame
