"""From the network's charts of a person to part, U and V of every pixel in the person's box."""

import numpy as np
import torch
import torch.nn.functional as F


def box_pixels(box: np.ndarray) -> tuple[int, int, int, int]:
    """Column and row of the first pixel, width and height in whole pixels, at least one, of `box` (4,) left, top, right, bottom.

    Computed in float32 and cut to whole numbers, as DensePose does.
    """
    left, top, right, bottom = np.asarray(box, np.float32)
    return int(left), int(top), max(int(right - left), 1), max(int(bottom - top), 1)


def labels_and_uv(
    coarse: torch.Tensor, fine: torch.Tensor, u: torch.Tensor, v: torch.Tensor, box: np.ndarray
) -> tuple[torch.Tensor, torch.Tensor]:
    """Part labels (H, W) uint8 in 0..24, 0 = background, and U, V (2, H, W) float32 of one person, H x W the size of `box_pixels`.

    `coarse` (1, C, h, w), whose first channel is the background's, `fine`, `u` and `v` (1, 25, h, w) float32 fill the person's `box` (4,)
    left, top, right, bottom in pixels. All are resampled bilinearly (corners not aligned); a pixel's part is the highest of `fine`, or
    background where that is the highest of `coarse`; U and V are those of the part, 0 on the background. Equal bit for bit to the
    converter of the DensePose project.
    """
    _, _, width, height = box_pixels(box)
    body = _resampled(coarse, height, width).argmax(dim=1) > 0
    labels = _resampled(fine, height, width).argmax(dim=1) * body
    uv = torch.cat([_resampled(values, height, width).gather(1, labels[:, None])[0] for values in (u, v)])
    return labels[0].to(torch.uint8), uv.masked_fill(labels == 0, 0)


def _resampled(values: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return F.interpolate(values.float(), (height, width), mode="bilinear", align_corners=False)
