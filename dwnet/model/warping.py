"""Warp grids in PyTorch.

Legend: B batch, C channels, H x W the frame, h x w the feature map (a quarter of the frame).

    index    (B, H, W)     integer   source pixel row * W + column that each driving pixel shows
    grid     (B, H, W, 2)  float32   the same as x, y in [-1, 1]; -1 and 1 are the centres of the outermost pixels
    visible  (B, H, W)     bool      whether that pixel shows the same place of the body, or background in both frames
    warp(source, grid)     (B, C, .) the source seen in the driving pose: W[P(s) -> P(d)] applied to s
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from densepose_cache.iuv import PARTS


def _axis(length: int, device=None) -> Tensor:
    """Coordinates (length,) float32 of pixel centres from -1 to 1; 2 * i / (length - 1) - 1 rounded once, as NumPy's double gives it."""
    steps = torch.arange(length, dtype=torch.float64)
    return (2 * steps / max(length - 1, 1) - 1).to(torch.float32).to(device)


@torch.compiler.assume_constant_result
def identity_grid(height: int, width: int, device=None) -> Tensor:
    """Grid I (height, width, 2) float32 that maps every pixel to itself; x first. Cached: never change it in place."""
    return cached_identity(height, width, device)


@functools.lru_cache(maxsize=16)
def cached_identity(height: int, width: int, device) -> Tensor:
    """The tensor of `identity_grid`."""
    with torch.inference_mode(False):
        y, x = torch.meshgrid(_axis(height, device), _axis(width, device), indexing="ij")
        return torch.stack((x, y), -1)


def grid_from_index(index: Tensor, height: int, width: int) -> Tensor:
    """Coordinates (..., 2) float32 in [-1, 1] of source pixels `index` (...), any integer type, in a frame of height x width."""
    return identity_grid(height, width, index.device).flatten(0, 1)[index.long()]


def grid_from_way(way: Tensor) -> Tensor:
    """Coordinates (..., H, W, 2) float32 in [-1, 1] of places that lie `way` (..., H, W, 2) pixels, x first, from each pixel."""
    height, width = way.shape[-3:-1]
    return identity_grid(height, width, way.device) + way * way.new_tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)])


def visible_pixels(index: Tensor, driving_part: Tensor, source_corner: Tensor) -> Tensor:
    """Mask (..., H, W) bool of coarse grids: body pixels whose part the source has, and pixels that are background in both maps.

    `index` (..., H, W) and `driving_part` (..., H, W), I of the driving map, are of any number type; `source_corner` (...) is I of the
    source map's top-left pixel. Index 0 says "no correspondence" and is also that pixel, so its part decides: a body pixel with index 0 is
    visible if its part is the corner's, a background pixel with index 0 only if it is the corner itself and the corner is background.
    The same as `densepose_cache.warp.grid.visible_pixels` makes from both maps.
    """
    height, width = index.shape[-2:]
    corner = torch.zeros(height, width, dtype=torch.bool, device=index.device)
    corner[0, 0] = True
    same = driving_part == source_corner[..., None, None]
    return (index.long() != 0) | (same & ((driving_part != 0) | corner))


def matched_pixels(source_part: Tensor, driving_part: Tensor) -> Tensor:
    """The mask of `visible_pixels` (B, H, W) bool from both maps' parts (B, H, W), any number type: for grids that were filled since."""
    source, driving = source_part.long(), driving_part.long()
    present = torch.zeros(len(source), PARTS + 1, dtype=torch.bool, device=source.device)
    present.scatter_(1, source.flatten(1), True)
    there = present.gather(1, driving.flatten(1)).view(driving.shape)
    return torch.where(driving > 0, there, source == 0)


def warp(image: Tensor, grid: Tensor, padding_mode: str, mode: str = "bilinear") -> Tensor:
    """Sample `image` (B, C, H, W) at `grid` (B, H', W', 2): (B, C, H', W'), corners aligned.

    `padding_mode` ("reflection", "border" or "zeros") is what a coordinate outside of [-1, 1] reads. The result has the grid's type:
    coordinates are never rounded to half precision. It is NaN where a coordinate is NaN or infinite: PyTorch would read outside of the
    memory there (on the CPU), or another pixel (on a GPU).
    """
    finite = torch.nan_to_num(grid, nan=0.0, posinf=0.0, neginf=0.0)
    sampled = F.grid_sample(image.to(grid.dtype), finite, mode=mode, padding_mode=padding_mode, align_corners=True)
    return sampled + (0 * grid.detach()).sum(-1)[:, None]


def downsample_grid(grid: Tensor, height: int, width: int) -> Tensor:
    """`grid` (B, H, W, 2) at the feature map's size: (B, height, width, 2), bilinear, corners not aligned."""
    small = F.interpolate(grid.permute(0, 3, 1, 2), (height, width), mode="bilinear", align_corners=False)
    return small.permute(0, 2, 3, 1)
