"""What generators are given beside pose, source, previous frame and the two grids.

Made once a source by `generator.prepare`; what belongs to one frame is set by `at`. Each generator reads what it needs and no more.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from densepose_cache.warp.carry import REACH
from densepose_cache.warp.fill import LOST


class Prepared(NamedTuple):
    """All tensors have B samples and frames of H x W; images and IUV maps are scaled x / 127.5 - 1."""

    features: Tensor | None = None
    """Of the paper's generator: the source's features (B, 4 * ngf, H / 4, W / 4)."""
    plate: Tensor | None = None
    """(B, 3, H, W): the source without its person (`densepose_cache.video.plate`)."""
    source_iuv: Tensor | None = None
    """(B, 3, H, W): the source's map."""
    source_visible: Tensor | None = None
    """(B, H, W) bool: where the source grid has a correspondence."""
    previous_visible: Tensor | None = None
    """(B, H, W) bool, likewise of the previous grid."""
    source_distance: Tensor | None = None
    """(B, H, W) float32: metres on the body between what a pixel shows and what it reads of the source (`densepose_cache.warp.fill`);
    0 on the background, NOTHING where the source has no body."""
    previous_distance: Tensor | None = None
    """(B, H, W), likewise of the previous grid."""
    smooth_grid: Tensor | None = None
    """(B, H, W, 2): the second grid to the source (`densepose_cache.warp.smooth`); the background reads itself."""
    smooth_distance: Tensor | None = None
    """(B, H, W), likewise of the smooth grid."""
    edge: Tensor | None = None
    """(B, H, W) float32: how far the grids are carried over the body's edge, 1 at the reach; 0 on the body and beyond the reach."""

    def first(self, count: int) -> "Prepared":
        """The first `count` samples."""
        return Prepared(*(value if value is None else value[:count] for value in self))

    def at(self, **frame: Tensor) -> "Prepared":
        """With what belongs to one frame."""
        return self._replace(**frame)

    def detached(self) -> "Prepared":
        """The same values, cut off from what made them; those that learn gather their gradients in `grad`."""
        return Prepared(*(value.detach().requires_grad_() if _learns(value) else value for value in self))

    def backward(self, gathered: "Prepared"):
        """Pass on what `gathered`, which is `detached()`, has gathered over any number of backward passes."""
        pairs = [(value, leaf.grad) for value, leaf in zip(self, gathered, strict=True) if _learns(value) and leaf.grad is not None]
        if pairs:
            torch.autograd.backward(*zip(*pairs, strict=True))


def _learns(value: Tensor | None) -> bool:
    return value is not None and value.requires_grad


NOTHING = LOST / 100
"""Distance of a body pixel that reads nothing, in metres."""


def distance_metres(distance: Tensor) -> Tensor:
    """Distances of `FilledGrid` (uint8, centimetres) in metres, float32."""
    return distance.float() / 100


def carried_edge(edge: Tensor) -> Tensor:
    """Distances of `carried` (uint8, pixels of a frame of 256) as shares of the reach, float32."""
    return edge.float() / (256 * REACH)
