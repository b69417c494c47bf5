"""The generator that copies: for every pixel it decides where to copy from, and draws only what nothing shows.

It keeps the paper's ideas (section 3): the coarse warp from IUV maps, a refined grid as its residual (Eq. 1), the frame before as a
condition (Eq. 2 and 3). In place of a decoder that paints every pixel anew stands a blend of five pictures.

Shapes: B batch, H x W the frame, c = `width`.

    driving_iuv, source, previous, grids   as in `dwnet.model.generator`; grids are filled and carried over the body's edge
    input                                  (B, 25, H, W), folded to (B, 100, H / 2, W / 2)
    trunk                                  c, 2 c, 4 c, 4 c channels at H / 2, H / 4, H / 8, H / 16, and back
    head                                   (B, 23, H / 2, W / 2): colours for four pixels each, five masks, three corrections
    frame                                  (B, 3, H, W) = sum of mask k * picture k: the source at its grid, the previous frame at its own,
                                           the plate in its place, the source at its smooth grid, drawn colours; grids are corrected

The smooth grid (`densepose_cache.warp.smooth`) is a second way to the source, smooth over the body; on the background the source stays in
its place.
"""

from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from densepose_cache.warp.surface import BINS, SHIFT, surface_table

from ..config import ModelSettings
from .generator import Generated
from .iuv_input import HEAD, parts
from .prepared import NOTHING, Prepared
from .warping import identity_grid, warp

INPUTS = 25
PICTURES = 5
"""Source, previous frame, plate, source at its smooth grid, drawn colours."""
CORRECTIONS = 3
"""Of the grids of source and previous frame, and of the smooth grid."""
FOLD = 2
"""The trunk's finest level is the frame at 1 / FOLD of its size."""
COARSEST = 16
"""Frames are padded to multiples of this."""
STEP = 0.05
"""Grid units that a correction of 1 moves a coordinate by."""
GAIN = 4.0
"""Logits that an output of 1 adds to a mask."""
SURE, GUESSED, UNLIKELY = 4.0, 1.0, -4.0
"""Logits by which masks start: of what is likely seen, of what may be, of what is not."""
FAR = 0.03
"""Metres on the head from which on the exact match counts for more than the smooth grid: it reads the silhouette's edge, where hair is,
while the smooth grid reads the face."""


class PixelNorm(nn.Module):
    """Zero mean and unit variance over the channels of every pixel, with a learned scale and shift: the same at every frame size."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Norm, 3x3 convolution, SiLU, 3x3 convolution, added to the input; (B, c, h, w) -> (B, c, h, w)."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = PixelNorm(channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.silu(self.first(self.norm(x))))


class Trunk(nn.Module):
    """A small U-Net: (B, 4 * INPUTS, h, w) -> (B, outputs, h, w), h and w multiples of 8; zero at the start."""

    def __init__(self, width: int, outputs: int):
        super().__init__()
        channels = [width, 2 * width, 4 * width, 4 * width]
        self.stem = nn.Conv2d(FOLD * FOLD * INPUTS, width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in pairwise(channels))
        self.before = nn.ModuleList(Block(count) for count in channels[:-1])
        self.middle = nn.Sequential(Block(channels[-1]), Block(channels[-1]))
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(channels))
        self.after = nn.ModuleList(Block(count) for count in channels[:-1])
        self.norm = PixelNorm(width)
        self.head = nn.Conv2d(width, outputs, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: Tensor) -> Tensor:
        x, kept = self.stem(x), []
        for block, down in zip(self.before, self.down, strict=True):
            x = block(x)
            kept.append(x)
            x = down(x)
        x = self.middle(x)
        for block, up in zip(reversed(self.after), reversed(self.up), strict=True):
            x = block(kept.pop() + F.interpolate(up(x), scale_factor=2.0))
        return self.head(F.silu(self.norm(x)))


class Blend(NamedTuple):
    """What a frame is composed of: `pictures`, PICTURES of (B, 3, H, W) in [-1, 1], their `masks` (B, PICTURES, H, W), which sum to 1, and
    the refined grids (B, H, W, 2) of the source, the previous frame and the smooth grid."""

    pictures: tuple[Tensor, ...]
    masks: Tensor
    grids: list[Tensor]

    @property
    def frame(self) -> Tensor:
        """(B, 3, H, W): the sum of mask k * picture k."""
        return sum(self.masks[:, k : k + 1] * picture for k, picture in enumerate(self.pictures))


class ComposeGenerator(nn.Module):
    """Masks, corrections and colours from one trunk; see the module's legend."""

    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.settings = settings
        self.trunk = Trunk(settings.width, 3 * FOLD * FOLD + PICTURES + 2 * CORRECTIONS).to(memory_format=torch.channels_last)
        self.register_buffer("surface", torch.from_numpy(surface_table()).flatten(0, 2), persistent=False)

    def prepare(self, source: Tensor, plate: Tensor, source_iuv: Tensor) -> Prepared:
        """What all frames of a source share; `plate` and `source_iuv` (B, 3, H, W) as in `Prepared`."""
        return Prepared(plate=plate, source_iuv=source_iuv)

    def forward(
        self,
        driving_iuv: Tensor,
        source: Tensor,
        previous: Tensor,
        source_grid: Tensor | None,
        previous_grid: Tensor | None,
        prepared: Prepared | None = None,
    ) -> Generated:
        """The next frame, and both refined grids (B, H, W, 2). A first frame takes `source` and `source_grid` as the previous ones, too.

        Without `prepared` the plate is the source itself, every body pixel counts as matched, and the smooth grid is the source grid.
        Without coarse warp (`settings`) all pictures are read where they are, without refine there is no correction; without previous the
        source stands in for the previous frame, which then has no share in the blend.
        """
        blend = self.blend(driving_iuv, source, previous, source_grid, previous_grid, prepared)
        return Generated(blend.frame, *(blend.grids[:2] if self.settings.coarse_warp else (None, None)))

    def blend(
        self,
        driving_iuv: Tensor,
        source: Tensor,
        previous: Tensor,
        source_grid: Tensor | None,
        previous_grid: Tensor | None,
        prepared: Prepared | None = None,
    ) -> Blend:
        """The pictures, masks and refined grids of which `forward` composes the next frame; the same arguments."""
        settings, mode = self.settings, self.settings.padding_mode
        size = driving_iuv.shape[2:]
        part = parts(driving_iuv)
        body = (part > 0).float()[:, None]
        prepared = prepared or Prepared()
        plate = source if prepared.plate is None else prepared.plate
        if not settings.previous:
            previous, previous_grid = source, source_grid
            prepared = prepared.at(previous_visible=prepared.source_visible, previous_distance=prepared.source_distance)
        if not settings.coarse_warp:
            source_grid = previous_grid = identity_grid(*size, source.device).expand(len(source), *size, 2)
            prepared = prepared.at(smooth_grid=None)
        read = [(source, source_grid), (previous, previous_grid), (source, source_grid)]
        if prepared.smooth_grid is not None:
            read[2] = source, prepared.smooth_grid
        seen = [warp(picture, grid, mode) for picture, grid in read]
        match, before = (self._match(visible, part) for visible in (prepared.source_visible, prepared.previous_visible))
        far, before_far = (self._metres(distance, part) for distance in (prepared.source_distance, prepared.previous_distance))
        smooth_far = far if prepared.smooth_distance is None else prepared.smooth_distance[:, None]
        apart = (source - plate).abs().mean(1, keepdim=True)
        edge = torch.zeros_like(body) if prepared.edge is None else prepared.edge[:, None]
        own = torch.zeros_like(body) if prepared.source_iuv is None else (parts(prepared.source_iuv) > 0).float()[:, None]
        known = [seen[0], match, far, warp(apart, source_grid, mode), seen[1], before, before_far, apart, plate, own, seen[2], smooth_far]
        colours, masks, corrections = self._decide(torch.cat([self._places(driving_iuv, part), body, edge, *known], 1))
        masks = (masks + self._expected(match, far, before, before_far, part, own, edge)).softmax(1)
        grids = [grid for _, grid in read]
        if settings.refine:
            moves = [STEP * move for move in (corrections[:, :2], corrections[:, 2:4], body * corrections[:, 4:])]
            grids = [grid + move.permute(0, 2, 3, 1) for grid, move in zip(grids, moves, strict=True)]
        from_source, from_previous, smooth = (warp(picture, grid, mode) for (picture, _), grid in zip(read, grids, strict=True))
        return Blend((from_source, from_previous, plate, smooth, colours), masks, grids)

    def _match(self, visible: Tensor | None, part: Tensor) -> Tensor:
        """(B, 1, H, W): 1 where a grid has an exact correspondence, else 0."""
        return (torch.ones_like(part) if visible is None else visible.to(part.dtype))[:, None]

    def _metres(self, distance: Tensor | None, part: Tensor) -> Tensor:
        """(B, 1, H, W): the distance on the body between what a pixel shows and what it reads."""
        return (torch.zeros_like(part) if distance is None else distance)[:, None]

    def _places(self, driving_iuv: Tensor, part: Tensor) -> Tensor:
        """Rest-pose positions (B, 3, H, W) in metres of what the driving pixels show; 0 on the background."""
        uv = ((driving_iuv[:, 1:].float() + 1) * 127.5).round().clamp(0, 255).long() >> SHIFT
        texel = (part.long() * BINS + uv[:, 0]) * BINS + uv[:, 1]
        return F.embedding(texel, self.surface).permute(0, 3, 1, 2)

    def _decide(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Colours (B, 3, H, W) in [-1, 1], changes of logits (B, PICTURES, H, W) and corrections (B, 6, H, W) from INPUTS channels."""
        height, width = inputs.shape[2:]
        bottom, right = -height % COARSEST, -width % COARSEST
        if bottom or right:
            inputs = F.pad(inputs, (0, right, 0, bottom), mode="replicate")
        folded = F.pixel_unshuffle(inputs, FOLD).contiguous(memory_format=torch.channels_last)
        found = self.trunk(folded).float()
        drawn = 3 * FOLD * FOLD
        colours = torch.tanh(F.pixel_shuffle(found[:, :drawn], FOLD))
        rest = F.interpolate(found[:, drawn:], scale_factor=float(FOLD), mode="bilinear", align_corners=False)
        colours, rest = colours[..., :height, :width], rest[..., :height, :width]
        return colours, GAIN * rest[:, :PICTURES], rest[:, PICTURES:]

    def _expected(self, match: Tensor, far: Tensor, before: Tensor, before_far: Tensor, part: Tensor, own: Tensor, edge: Tensor) -> Tensor:
        """Logits (B, PICTURES, H, W) before anything is learned: on the body the source at its smooth grid, around it the source in its
        place, the plate behind. `match` and `far` are of the source grid, `before` and `before_far` of the previous one."""
        body = (part > 0).to(match.dtype)[:, None]
        ground, lost = 1 - body, (far >= NOTHING).to(body.dtype)
        hair = (part >= HEAD).to(body.dtype)[:, None] * match * (far >= FAR).to(body.dtype) * (1 - lost)
        exact, near = GUESSED + (SURE - GUESSED) * hair, SURE - (SURE - GUESSED) * hair
        source = body * (exact * match * (1 - lost) + UNLIKELY * lost) + ground * torch.where(edge > 0, 0.0, UNLIKELY)
        known = body * (before_far < NOTHING).to(body.dtype) + ground * before
        previous = UNLIKELY * (1 - known) - (0.0 if self.settings.previous else 1e4)
        plate = ground * SURE * own + UNLIKELY * body
        in_place = SURE * (1 - own) + UNLIKELY * own
        smooth = ground * in_place + body * (near * (1 - lost) + UNLIKELY * lost)
        return torch.cat((source, previous, plate, smooth, torch.full_like(body, -1.0)), 1)
