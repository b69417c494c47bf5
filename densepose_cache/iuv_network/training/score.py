"""How well a network does on rendered people that it was not trained on."""

import numpy as np
import torch

from ...iuv.agreement import PartCounts
from ...rendered.backgrounds import draw_backgrounds
from ..model import IuvNetwork
from .batches import Batches, IuvBatch
from .cutouts import CutOuts, Request, render_set
from .losses import to_input, true_uv

CHECK = {"people": 10, "frames": 4, "seed": 1, "backgrounds": 20, "batches": 6, "size": 10}
"""The fixed set that the shipped weights' figures are recorded on; small, so that a test can render it."""


def check_batches(folder) -> list[IuvBatch]:
    """The fixed set: crops and whole frames of people who are in no training set; rendered into `folder` where they are not there."""
    request = Request("check", CHECK["people"], CHECK["frames"], CHECK["seed"])
    render_set(request, folder, 1)
    pool = draw_backgrounds(CHECK["backgrounds"], CHECK["seed"] + 1)
    batches = Batches(CutOuts(request, folder), pool, CHECK["size"], 0, CHECK["seed"] + 2)
    return [batches[number] for number in range(CHECK["batches"])]


@torch.no_grad()
def score(network: IuvNetwork, batches: list[IuvBatch]) -> dict[str, float]:
    """Figures over all pixels of the batches, of the maps at half (U, V: quarter) of the input's side: those of `PartCounts`, and
    `u_error`, `v_error`: mean absolute differences in levels of 0..255 for the true part."""
    network.eval()
    counts, missed = PartCounts(), np.zeros(3)
    for batch in batches:
        maps = network(to_input(batch.images))
        counts.add(torch.where(maps.silhouette > 0, maps.parts.argmax(1) + 1, 0).numpy(), batch.half[:, 0].numpy())
        uv = true_uv(maps.uv, batch.quarter[:, 0]).clamp(0, 1) * 255
        gap = (uv - batch.quarter[:, 1:]).abs() * (batch.quarter[:, :1] > 0)
        missed += *gap.sum((0, 2, 3)).tolist(), int((batch.quarter[:, 0] > 0).sum())
    return counts.figures() | {"u_error": float(missed[0] / missed[2]), "v_error": float(missed[1] / missed[2])}
