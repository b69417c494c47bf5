"""Animate a person: one frame with its IUV map moves as a sequence of IUV maps does."""

import contextlib
import sys
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
import torch

from densepose_cache.core.ahead import ahead
from densepose_cache.core.errors import InputError
from densepose_cache.core.progress import Bar

from ..inference.driving import FreeDriving, grid_engine
from ..inference.rollout import generate_frames
from ..inference.views.generate import generate_from_views
from .motion import DrivingFrame, Motion
from .outputs.shown import KeptGrids, Output, Shown
from .outputs.steadiness import Steadiness
from .person import Person
from .stream import Recent

AHEAD = 8
"""Driving frames that are decoded and have their IUV maps before the generator wants them."""


Report = Callable[[int, int], None]
"""Is told how many frames are done and of how many, before the first one and after each. Raises KeyboardInterrupt to end the work."""


def animate(
    generator, person: Person, motion: Motion, outputs: list[Output], device: torch.device, report: Report | None = None
) -> Steadiness:
    """Write the `outputs`, of which the first one is the result, and return how steady it is.

    Of a person with further pictures each pixel is taken from the one that shows it best.

    Frames get their IUV maps in a thread of their own and are decoded and encoded in processes of theirs, beside the generator; memory
    does not depend on their number. Where it is stopped it says how far it came, and leaves no file. Raises InputError if person and motion
    differ in size.
    """
    size, steadiness = person.image.shape[0], Steadiness()
    if person.image.shape != person.iuv.shape or size != motion.size:
        raise InputError(f"the person has frames of {person.image.shape[:2]}, the motion of {(motion.size,) * 2}; they must be the same")
    bar = Bar("animate", len(motion), unit="frames", report=report)
    try:
        with bar, contextlib.ExitStack() as stack, ahead(motion.read(), AHEAD) as frames:
            writers = [stack.enter_context(output.writer(motion.fps)) for output in reversed(outputs)][::-1]
            bar.advance(0)
            for shown in _generated(generator, person, motion, frames, device):
                for output, writer in zip(outputs, writers, strict=True):
                    picture = output.picture(shown)
                    for _ in range(motion.repeats[shown.number]):
                        writer.write(picture)
                steadiness.add(shown)
                bar.advance()
            deque(frames, maxlen=0)  # what is wrong with the motion as a whole is said at its end
    except (KeyboardInterrupt, SystemExit):
        print(f"{outputs[0].path}: stopped after {bar.done} of {len(motion)} frames; nothing is written", file=sys.stderr)
        raise
    return steadiness


def _generated(generator, person: Person, motion: Motion, frames: Iterator[DrivingFrame], device: torch.device) -> Iterator[Shown]:
    """Yield what is generated, frame after frame."""
    seen: deque[DrivingFrame] = deque()

    def maps() -> Iterator[np.ndarray]:
        for driving in frames:
            seen.append(driving)
            yield driving.iuv

    # A frame is handed over while the next one is under way, which looks at the map before its own.
    recent, people = Recent(maps(), kept=2), (person, *person.further)
    drivings = [KeptGrids(FreeDriving(one.image, one.iuv, recent, grid_engine(device))) for one in people]
    generator = generator.to(device)
    if len(people) > 1:
        generated = generate_from_views(generator, drivings, len(motion), device)
    else:
        generated = generate_frames(generator, drivings, [len(motion)], device)
    for number, (frame,) in enumerate(generated):
        yield Shown(number, frame, drivings[0], seen.popleft())
