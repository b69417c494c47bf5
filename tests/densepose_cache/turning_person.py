"""A rendered person who turns right round."""

import functools

import numpy as np

from densepose_cache.rendered.render import Frame, RenderedClip


@functools.cache
def turning_person(size: int = 128) -> list[Frame]:
    """Eight frames."""
    return list(RenderedClip(np.random.default_rng(21), size=size, frames=8, fps=1, motion="turn", background="plain"))
