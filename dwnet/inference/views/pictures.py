"""Pictures of one person made alike: all before the first one's background, in its colours."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from densepose_cache.video.plate import MARGIN, background_plate, grown

from .colours import colour_gain

CLEAR, PLAIN = 12.0, 36.0
"""Differences from the background, in 256ths, from which on a pixel beside the body counts as the person's, a bit and wholly."""
COLOURS = 4
"""Bits of a colour that tell what is the person's."""
SOFT = 0.7
"""Pixels by which the edge of the person is softened."""


def alike(pictures: Sequence[np.ndarray], maps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The pictures (S, S, 3) uint8 with IUV maps (S, S, 3) uint8: the first as it is, every other one in its colours and before its
    background, so that where nobody stands all are the same."""
    first, taken = pictures[0], _person(pictures[0], maps[0])
    nobody = taken * background_plate(first, maps[0]) + (1 - taken) * first
    adapted = [first]
    for picture, iuv in zip(pictures[1:], maps[1:], strict=True):
        gain, person = colour_gain(first, maps[0], picture, iuv), _person(picture, iuv)
        adapted.append(np.rint(np.clip(person * gain * picture + (1 - person) * nobody, 0, 255)).astype(np.uint8))
    return adapted


def _person(picture: np.ndarray, iuv: np.ndarray) -> np.ndarray:
    """How much every pixel (H, W, 1) float32 is the person's: 1 on the body. Beside it, where hair and clothes may be, it must differ from
    the background's plate and have a colour that is commoner on the body than behind it."""
    body, reach = iuv[..., 0] > 0, round(MARGIN * len(iuv))
    around = grown(body, reach)
    apart = np.abs(picture.astype(np.float32) - background_plate(picture, iuv)).max(-1)
    colours = tuple(np.moveaxis(picture >> (8 - COLOURS), -1, 0))
    like_body, like_ground = (_histogram(colours, mask)[colours] for mask in (body, ~around))
    near = 1 - distance_transform_edt(~body) / reach
    likely = 2 * near * like_body / np.maximum(2 * near * like_body + like_ground, 1e-9)
    beside = np.clip((apart - CLEAR) / (PLAIN - CLEAR), 0, 1) * np.clip(2 * likely - 0.5, 0, 1)
    return np.where(body, 1, gaussian_filter(np.where(body, 1, beside * around), SOFT))[..., None].astype(np.float32)


def _histogram(colours: tuple[np.ndarray, ...], mask: np.ndarray) -> np.ndarray:
    """Shares of the `colours`, three numbers of COLOURS bits each, among the pixels of `mask`, smoothed over colours alike."""
    counts = np.zeros((1 << COLOURS,) * 3)
    np.add.at(counts, tuple(channel[mask] for channel in colours), 1)
    return gaussian_filter(counts / max(mask.sum(), 1), 1.0, mode="constant")
