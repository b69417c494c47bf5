"""The network on a picture and on its mirror image: the mean of the two is closer to the truth and flickers less."""

import torch
from torch import Tensor

from .flips import MIRRORED, TURNS_U, TURNS_V
from .model import PARTS, IuvNetwork, PredictedMaps


def both_ways(network: IuvNetwork, images: Tensor) -> PredictedMaps:
    """Maps of `images` (B, 3, H, W): silhouette and U, V are means of both, parts the logarithm of the probabilities' geometric mean."""
    straight, turned = network(images), mirrored(network(images.flip(3)))
    return PredictedMaps(
        (straight.silhouette + turned.silhouette) / 2,
        (straight.parts.log_softmax(1) + turned.parts.log_softmax(1)) / 2,
        (straight.uv + turned.uv) / 2,
    )


def mirrored(maps: PredictedMaps) -> PredictedMaps:
    """What `maps` of a picture say of its mirror image, by the rules of `flips`."""
    device = maps.uv.device
    other = torch.from_numpy(MIRRORED[1:].astype(int) - 1).to(device)
    turns = torch.stack([torch.from_numpy(TURNS_U[1:]), torch.from_numpy(TURNS_V[1:])], 1).to(device)[None, ..., None, None]
    uv = maps.uv.flip(3).unflatten(1, (PARTS, 2))[:, other]
    return PredictedMaps(maps.silhouette.flip(2), maps.parts.flip(3)[:, other], torch.where(turns, 1 - uv, uv).flatten(1, 2))
