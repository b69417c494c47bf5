"""Whether an exported step makes the frames that PyTorch makes."""

from collections.abc import Callable

import numpy as np
import torch

from densepose_cache.rendered.render import RenderedClip

from ...inference.driving import FreeDriving
from .step import Step, StepInputs

MOST = 1e-3
"""Largest difference of a value in [-1, 1] that counts as the same."""
LENGTH = 3
"""Frames that are compared."""
RENDERED = 128
"""Side of the rendered frames, which are then brought to the step's size."""


def rendered_driving(size: int) -> FreeDriving:
    """A rendered person and the IUV maps of another one, who walks, in frames of side `size`."""
    pixels = (2 * np.arange(size) + 1) * RENDERED // (2 * size)

    def clip(seed: int, frames: int) -> list[tuple[np.ndarray, np.ndarray]]:
        rendered = RenderedClip(np.random.default_rng(seed), size=RENDERED, frames=frames, fps=5, motion="walk", background="room")
        return [(frame.rgb[pixels[:, None], pixels], frame.iuv[pixels[:, None], pixels]) for frame in rendered]

    image, iuv = clip(1, 2)[0]
    return FreeDriving(image, iuv, [maps for _, maps in clip(2, LENGTH)], "lattice")


@torch.inference_mode()
def largest_difference(step: Step, inputs: StepInputs, runtime: Callable[[dict[str, np.ndarray]], np.ndarray]) -> float:
    """The largest difference of the frames that `runtime` and `step` make of the same inputs, over a rollout of `step`.

    `runtime` takes arrays by name and gives the frame (1, 3, S, S).
    """
    previous, found = inputs.fixed["source"], []
    for frame in inputs.frames(LENGTH):
        given = inputs.fixed | frame | {"previous": previous}
        other = runtime({name: value.numpy() for name, value in given.items()})
        previous = step(*(given[name] for name in step.names))
        found.append(np.abs(other - previous.numpy()).max())
    return float(np.max(found))
