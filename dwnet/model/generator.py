"""The generator G (paper, section 3 and Figure 2): one frame from a driving pose, a source image and the previous frame.

Shapes: B batch, H x W the frame, f = 4 * ngf, h x w = H / 4 x W / 4 the feature map.

    driving_iuv                    (B, 3, H, W)  I, U, V of the pose to generate, scaled x / 127.5 - 1
    source, previous               (B, 3, H, W)  RGB, scaled x / 127.5 - 1
    source_grid, previous_grid     (B, H, W, 2)  coarse W[P(s) -> P(d)]: source pixel of each driving pixel, x, y in [-1, 1]
    source_visible, ...            (B, H, W)     bool: where the coarse grid has a correspondence (option `visibility`)
      refine input                 (B, r, H, W)  IUV, coarsely warped RGB, coarse grid minus identity, and with the option the mask:
                                                 r = 8 or 9, with parts one-hot (option `iuv_input`) 24 more
      refined grid                 (B, h, w, 2)  Eq. 1
      pose, warped features        (B, f, h, w)  three of them, joined to (B, 3 f, h, w), merged to (B, f, h, w)
    frame                          (B, 3, H, W)  in [-1, 1]
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..config import ModelSettings
from .iuv_input import COUNTS, iuv_channels
from .layers import Decoder, Encoder, ResnetBlock, init_weights
from .prepared import Prepared
from .warping import downsample_grid, identity_grid, warp


class Generated(NamedTuple):
    """What the generator returns; the grids are None without coarse warp."""

    frame: Tensor
    """(B, 3, H, W) in [-1, 1]."""
    source_grid: Tensor | None
    """(B, H / 4, W / 4, 2), refined."""
    previous_grid: Tensor | None
    """(B, H / 4, W / 4, 2), refined."""


class Refine(nn.Module):
    """The refine branch R of Eq. 1: (B, channels, H, W) to a correction (B, h, w, 2), zero at the start."""

    def __init__(self, channels: int, ngf: int, blocks: int):
        super().__init__()
        self.encoder = Encoder(channels, ngf)
        self.blocks = nn.Sequential(*(ResnetBlock(4 * ngf) for _ in range(blocks)))
        self.last = nn.Conv2d(4 * ngf, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.blocks(self.encoder(x))).permute(0, 2, 3, 1)


class Generator(nn.Module):
    """Pose encoder, one RGB encoder and one refine branch for source and previous frame, decoder."""

    def __init__(self, settings: ModelSettings):
        super().__init__()
        self.settings = settings
        iuv = COUNTS[settings.iuv_input]
        self.pose = Encoder(iuv, settings.ngf)
        self.appearance = Encoder(3, settings.ngf)
        self.refine = Refine(iuv + 5 + settings.visibility, settings.ngf, settings.refine_blocks) if settings.refine else None
        self.merge = nn.Conv2d(12 * settings.ngf, 4 * settings.ngf, 1)
        self.decoder = Decoder(settings.ngf, settings.blocks)
        init_weights(self)
        if self.refine is not None:
            nn.init.zeros_(self.refine.last.weight)
            nn.init.zeros_(self.refine.last.bias)

    def prepare(self, source: Tensor, plate: Tensor | None = None, source_iuv: Tensor | None = None) -> Prepared:
        """The features of `source` (B, 3, H, W), which all its frames share; nothing else of the source is looked at."""
        return Prepared(features=self.appearance(source))

    def forward(
        self,
        driving_iuv: Tensor,
        source: Tensor,
        previous: Tensor,
        source_grid: Tensor | None,
        previous_grid: Tensor | None,
        prepared: Prepared | None = None,
    ) -> Generated:
        """Eq. 2 and 3: the next frame. A first frame takes `source` and `source_grid` as the previous ones, too (warped once then).

        `prepared` may hold the source's features from `prepare` with the same source and weights. With the option `visibility` it must
        hold the masks of both grids (`dwnet.model.warping.visible_pixels`), else they are not looked at. Raises ValueError without them.
        """
        prepared = prepared or Prepared()
        source_features, source_visible, previous_visible = prepared.features, prepared.source_visible, prepared.previous_visible
        if self.settings.visibility and (source_visible is None or previous_visible is None):
            raise ValueError("this generator's refine branch sees the masks of both grids: give source_visible and previous_visible")
        driving_iuv = iuv_channels(driving_iuv, self.settings.iuv_input)
        pose = self.pose(driving_iuv)
        if source_features is None:
            source_features = self.appearance(source)
        from_source, source_grid_fine = self._warped(source, source_features, source_grid, source_visible, driving_iuv)
        if not self.settings.previous or (previous is source and previous_grid is source_grid):
            from_previous, previous_grid_fine = from_source, source_grid_fine
        else:
            features = self.appearance(previous)
            from_previous, previous_grid_fine = self._warped(previous, features, previous_grid, previous_visible, driving_iuv)
        frame = self.decoder(self.merge(torch.cat((pose, from_source, from_previous), 1)))
        return Generated(frame, source_grid_fine, previous_grid_fine)

    def _warped(
        self, image: Tensor, features: Tensor, grid: Tensor | None, visible: Tensor | None, driving_iuv: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """The warp module: features (B, f, h, w) of `image` moved to the driving pose, and the grid (B, h, w, 2) that did it.

        `driving_iuv` is as the networks see it.
        """
        if not self.settings.coarse_warp:
            return features, None
        fine = downsample_grid(grid, *features.shape[2:])
        if self.refine is not None:
            coarse = warp(image, grid, self.settings.padding_mode)
            shift = (grid - identity_grid(*grid.shape[1:3], grid.device)).permute(0, 3, 1, 2)
            mask = [visible[:, None].to(shift.dtype)] if self.settings.visibility else []
            fine = fine + self.refine(torch.cat((driving_iuv, coarse, shift, *mask), 1)).to(fine.dtype)
        return warp(features, fine, self.settings.padding_mode), fine
