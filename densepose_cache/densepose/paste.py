"""From a chart in a person's box to an IUV map of the frame."""

import numpy as np
import torch


def paste_chart(labels: torch.Tensor, uv: torch.Tensor, left: int, top: int, height: int, width: int) -> np.ndarray:
    """IUV map (height, width, 3) uint8 with one person, quantised and placed as DensePose's own visualiser does it.

    `labels` (h, w) whole numbers in 0..24 and `uv` (2, h, w) float, nominally in [0, 1], fill a box of the frame whose first pixel is at
    column `left` and row `top`; what lies outside of the frame is cut off. U and V become x 255, cut to whole numbers and to 0..255; the
    background has neither.
    """
    values = torch.cat([labels[None].float(), (uv.float() * 255).clamp(0, 255)]).to(torch.uint8)
    values = values.permute(1, 2, 0).cpu().numpy()
    values[values[..., 0] == 0] = 0
    iuv = np.zeros((height, width, 3), np.uint8)
    part = values[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
    top, left = max(top, 0), max(left, 0)
    iuv[top : top + part.shape[0], left : left + part.shape[1]] = part
    return iuv
