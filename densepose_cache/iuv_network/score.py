"""How well a network does on rendered people that it was not trained on."""

import numpy as np
import torch

from .backgrounds import draw_backgrounds
from .batches import Batch, Batches
from .cutouts import CutOuts, Request, render_set
from .losses import to_input, true_uv
from .model import IuvNetwork

CHECK = {"people": 10, "frames": 4, "seed": 1, "backgrounds": 20, "batches": 6, "size": 10}
"""The fixed set that the shipped weights' figures are recorded on; small, so that a test can render it."""


def check_batches(folder) -> list[Batch]:
    """The fixed set: crops and whole frames of people who are in no training set; rendered into `folder` where they are not there."""
    request = Request("check", CHECK["people"], CHECK["frames"], CHECK["seed"])
    render_set(request, folder, 1)
    pool = draw_backgrounds(CHECK["backgrounds"], CHECK["seed"] + 1)
    batches = Batches(CutOuts(request, folder), pool, CHECK["size"], 0, CHECK["seed"] + 2)
    return [batches[number] for number in range(CHECK["batches"])]


@torch.no_grad()
def score(network: IuvNetwork, batches: list[Batch]) -> dict[str, float]:
    """Figures over all pixels of the batches, of the maps at half (U, V: quarter) of the input's side.

    `silhouette_iou`; `part_accuracy`: share of the true body's pixels with the right part, body missed counted as wrong; `part_miou`: mean
    intersection over union of the parts; `u_error`, `v_error`: mean absolute differences in levels of 0..255 for the true part.
    """
    network.eval()
    body = np.zeros(2)
    hits, missed = np.zeros((25, 25)), np.zeros(3)
    for batch in batches:
        maps = network(to_input(batch.images))
        wanted = batch.half[:, 0].numpy()
        found = torch.where(maps.silhouette > 0, maps.parts.argmax(1) + 1, 0).numpy()
        body += ((wanted > 0) & (found > 0)).sum(), ((wanted > 0) | (found > 0)).sum()
        np.add.at(hits, (wanted.ravel(), found.ravel()), 1)
        uv = true_uv(maps.uv, batch.quarter[:, 0]).clamp(0, 1) * 255
        gap = (uv - batch.quarter[:, 1:]).abs() * (batch.quarter[:, :1] > 0)
        missed += *gap.sum((0, 2, 3)).tolist(), int((batch.quarter[:, 0] > 0).sum())
    both, union = np.diag(hits)[1:], hits.sum(0)[1:] + hits.sum(1)[1:] - np.diag(hits)[1:]
    return {
        "silhouette_iou": float(body[0] / body[1]),
        "part_accuracy": float(both.sum() / hits[1:].sum()),
        "part_miou": float((both / np.maximum(union, 1)).mean()),
        "u_error": float(missed[0] / missed[2]),
        "v_error": float(missed[1] / missed[2]),
    }
