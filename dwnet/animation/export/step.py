"""The step of a generator: one frame of one source, from tensors with names. The next step takes the frame as its previous one.

Legend: S the side of the frames. All tensors are of one frame; images and IUV maps are RGB or I, U, V scaled x / 127.5 - 1.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from densepose_cache.warp.carry import REACH

from ...inference.driving import Driving
from ...inference.network_inputs import INPUTS, network_input
from ...model.build import AnyGenerator
from ...model.prepared import NOTHING, Prepared

CPU = torch.device("cpu")
LEADING = ("driving_iuv", "source", "previous", "source_grid", "previous_grid")
"""Arguments of a generator; the others are fields of `Prepared`."""
FRAME = "frame"
"""The name of what a step gives."""
UNIT, METRES = [-1.0, 1.0], [0.0, NOTHING]
MEANINGS: dict[str, tuple[str, list[float] | None]] = {
    "driving_iuv": ("IUV map of the pose to generate", UNIT),
    "source": ("the source picture", UNIT),
    "previous": ("the frame before, as the step gave it; the source for the first frame", UNIT),
    "source_grid": ("x, y of the source pixel that each pixel shows; -1 and 1 are the centres of the outermost pixels", UNIT),
    "previous_grid": ("the same into the previous frame; the source grid for the first frame", UNIT),
    "features": ("the source's features, `prepare` of the generator", None),
    "plate": ("the source without its person", UNIT),
    "source_iuv": ("IUV map of the source", UNIT),
    "source_visible": ("where the source has the part of the body that is shown, or background", None),
    "previous_visible": ("the same of the previous frame", None),
    "source_distance": (f"metres on the body between what is shown and what is read; {NOTHING:g} where nothing is there to read", METRES),
    "previous_distance": ("the same of the previous frame", METRES),
    "smooth_grid": ("the second grid into the source, smooth over the body; it may leave the frame", None),
    "smooth_distance": ("metres on the body, of the smooth grid", METRES),
    "edge": (f"how far the grids are carried over the body's edge, 1 at {REACH:g} of the frame's side", [0.0, 1.0]),
    FRAME: ("the generated frame", UNIT),
}
"""What every input and the output is, and its range; None where it has none."""


class Step(nn.Module):
    """A generator as a function of the tensors `names`, in that order, that gives the frame (1, 3, S, S)."""

    def __init__(self, generator: AnyGenerator, names: list[str]):
        super().__init__()
        self.generator, self.names = generator, names

    def forward(self, *tensors: Tensor) -> Tensor:
        given = dict(zip(self.names, tensors, strict=True))
        leading = [given.pop(name) for name in LEADING]
        return self.generator(*leading, Prepared(**given)).frame


class StepInputs:
    """What `generator` is given of the frames of `driving`, on the CPU.

    `fixed` holds the tensors that all frames share, by name: the source and what is prepared of it.
    """

    @torch.inference_mode()
    def __init__(self, generator: AnyGenerator, driving: Driving):
        self._inputs = INPUTS[generator.settings.generator]([driving], generator.settings.visibility, CPU)
        source = network_input([driving.source], CPU)
        prepared = generator.prepare(source, *self._inputs.of_source())._asdict()
        self.fixed = {"source": source} | {name: value for name, value in prepared.items() if value is not None}

    def frames(self, length: int) -> Iterator[dict[str, Tensor]]:
        """Yield the other tensors of each of the first `length` frames, by name, but for `previous`."""
        for number in range(length):
            iuv, (source_grid, previous_grid), more = self._inputs.of_frame(number, 1)
            yield {"driving_iuv": iuv, "source_grid": source_grid, "previous_grid": previous_grid, **more}
