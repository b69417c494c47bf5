"""From the network's maps of crops to IUV maps of frames."""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from .framing import Crop
from .model import PredictedMaps

SMALL_PIECE = 0.3
"""Pieces of a silhouette larger than this share of the largest are other people; a hand that something cuts off is smaller."""


def frame_grid(crops: list[Crop], height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where pixel centres of the frame's rows (B, height) and columns (B, width) lie in the crops: 0..1 inside, else beyond."""
    tops, lefts, heights, widths = (
        torch.tensor([getattr(crop, name) for crop in crops], device=device)[:, None] for name in ("top", "left", "height", "width")
    )
    rows = torch.arange(height, device=device)[None] + 0.5
    columns = torch.arange(width, device=device)[None] + 0.5
    return (rows - tops) / heights, (columns - lefts) / widths


def corners(places: Tensor, side: int) -> tuple[Tensor, Tensor, Tensor]:
    """The two neighbouring cells and the second one's weight of `places` in 0..1 along a side of `side` cells."""
    where = (places * side - 0.5).clamp(0, side - 1)
    first = where.floor().clamp(max=max(side - 2, 0)).long()
    return first, (first + 1).clamp(max=side - 1), where - first


class Sampler:
    """Bilinear values at places (n,) of a batch of maps: item, row and column in 0..1."""

    def __init__(self, item: Tensor, row: Tensor, column: Tensor, height: int, width: int):
        top, bottom, fy = corners(row, height)
        left, right, fx = corners(column, width)
        self.cells = [(item * height + y) * width + x for y in (top, bottom) for x in (left, right)]
        self.weights = [(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx]

    def __call__(self, maps: Tensor) -> Tensor:
        """Values (n, C) of maps (B, C, h, w)."""
        table = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
        return sum(table[cells] * weight[:, None] for cells, weight in zip(self.cells, self.weights, strict=True))

    def chosen(self, maps: Tensor, channel: Tensor) -> Tensor:
        """Values (n,) of one channel (n,) of maps (B, C, h, w) each."""
        table = maps.permute(0, 2, 3, 1).reshape(-1)
        count = maps.shape[1]
        return sum(table[cells * count + channel] * weight for cells, weight in zip(self.cells, self.weights, strict=True))


def paint(maps: PredictedMaps, crops: list[Crop], height: int, width: int) -> np.ndarray:
    """IUV maps (B, height, width, 3) uint8 of frames from maps of one crop each.

    A pixel belongs to the body where the silhouette's logit, bilinear between its cells, is positive; its part is the largest of the
    bilinear logits; U and V are that part's, x 255, rounded and cut to 0..255.
    """
    device, count = maps.silhouette.device, len(crops)
    rows, columns = frame_grid(crops, height, width, device)
    inside = ((rows > 0) & (rows < 1))[:, :, None] & ((columns > 0) & (columns < 1))[:, None]
    item, y, x = inside.nonzero(as_tuple=True)
    place = (item, rows[item, y], columns[item, x])
    logit = Sampler(*place, *maps.silhouette.shape[1:]).chosen(maps.silhouette[:, None], torch.zeros_like(item))
    body = logit > 0
    item, y, x = item[body], y[body], x[body]
    place = tuple(values[body] for values in place)
    part = Sampler(*place, *maps.parts.shape[2:])(maps.parts).argmax(1)
    at = Sampler(*place, *maps.uv.shape[2:])
    uv = torch.stack([at.chosen(maps.uv, 2 * part), at.chosen(maps.uv, 2 * part + 1)], 1)
    out = torch.zeros((count, height, width, 3), dtype=torch.uint8, device=device)
    out[item, y, x] = torch.cat([part[:, None] + 1, (uv * 255).round().clamp(0, 255)], 1).to(torch.uint8)
    return out.cpu().numpy()


def one_person(iuv: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The map (H, W, 3) without other people: the largest piece stays, and small ones whose middle lies in the person's `box` (4,)."""
    pieces, count = ndimage.label(iuv[..., 0] > 0, np.ones((3, 3)))
    if count <= 1:
        return iuv
    numbers = np.arange(1, count + 1)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    middles = np.array(ndimage.center_of_mass(pieces > 0, pieces, numbers))
    near = (middles[:, 1] > box[0]) & (middles[:, 1] < box[2]) & (middles[:, 0] > box[1]) & (middles[:, 0] < box[3])
    main = int(np.argmax(sizes * np.where(near, 1.0, 0.2)))
    stays = near & (sizes < SMALL_PIECE * sizes[main])
    stays[main] = True
    return iuv * np.isin(pieces, numbers[stays])[..., None].astype(np.uint8)
