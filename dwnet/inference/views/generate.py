"""Frames of one person of whom there are several pictures."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ..driving import FreeDriving
from ..network_inputs import INPUTS, network_input
from ..rollout import arithmetic, send
from .surface import SurfaceViews


@torch.inference_mode()
def generate_from_views(
    generator, drivings: Sequence[FreeDriving], length: int, device: torch.device, precision: str = "fp32"
) -> Iterator[np.ndarray]:
    """Yield frame after frame (1, S, S, 3) uint8, as `generate_frames` does of one picture; the motion of all `drivings` is the same one.

    Every picture gives a frame of its own, side by side, from the same frame before; each pixel is then taken from the one that shows its
    place on the body best (`SurfaceViews`). The pictures should be `alike`.
    """
    views = SurfaceViews([driving.source_iuv for driving in drivings])
    source = network_input([driving.source for driving in drivings], device)
    inputs = INPUTS[generator.settings.generator](drivings, generator.settings.visibility, device)
    with arithmetic(precision, device):
        prepared = generator.prepare(source, *inputs.of_source())
    previous, finished = source, None
    for number in range(length):
        iuv, grids, frame = inputs.of_frame(number, len(drivings))
        with arithmetic(precision, device):
            frames = generator(iuv, source, previous, *grids, prepared.at(**frame)).frame.float()
        shares = torch.from_numpy(views.shares(drivings[0].iuv(number))).to(device)
        chosen = (shares[:, None] * frames).sum(0, keepdim=True)
        previous = chosen.expand(len(drivings), -1, -1, -1)
        under_way = send(chosen)
        if finished:
            yield finished()
        finished = under_way
    yield finished()
