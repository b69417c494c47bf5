"""Small people with exact IUV maps: drawn columns of parts, a drawn striped figure, a rendered person who turns right round."""

import functools

import numpy as np

from densepose_cache.rendered.render import Frame, RenderedClip

SIZE = 64


def body_maps(seed: int, frames: int, size: int = SIZE) -> np.ndarray:
    """IUV maps (T, S, S, 3): a walking column of parts with smooth charts."""
    rng = np.random.default_rng(seed)
    parts = rng.permutation(np.arange(1, 25))[:6]
    rows, columns = np.mgrid[:size, :size]
    maps = np.zeros((frames, size, size, 3), np.uint8)
    for time in range(frames):
        left = size // 4 + time % (size // 4)
        body = (columns >= left) & (columns < left + size // 4) & (rows >= 4) & (rows < size - 4)
        part = parts[np.minimum(rows * 6 // size, 5)]
        chart = np.stack([part, rows * 97 // 13 % 256, (columns - left) * 7 % 256], -1)
        maps[time] = np.where(body[..., None], chart, 0)
    return maps


def draw(clip: int, frame: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Frame and IUV map (S, S, 3) uint8: a torso and a head that move to the right, and begin anew at the border."""
    rng = np.random.default_rng(clip)
    colours = rng.integers(0, 256, (3, 3))
    rgb = np.empty((size, size, 3), np.uint8)
    rgb[:] = colours[0] // 2 + 64
    iuv = np.zeros((size, size, 3), np.uint8)
    left = size // 4 + 2 * frame % (size // 2 + 2)
    for part, (top, height, width) in {2: (size // 3, size // 2, size // 4), 23: (size // 6, size // 6, size // 8)}.items():
        rows, columns = np.mgrid[0:height, 0:width]
        iuv[top : top + height, left : left + width, 0] = part
        iuv[top : top + height, left : left + width, 1] = rows * 255 // height
        iuv[top : top + height, left : left + width, 2] = columns * 255 // width
        stripes = ((rows // 3 + clip) % 2)[..., None]
        rgb[top : top + height, left : left + width] = np.where(stripes, colours[1], colours[2])
    return rgb, iuv


@functools.cache
def turning_person(size: int = 128) -> list[Frame]:
    """Eight frames."""
    return list(RenderedClip(np.random.default_rng(21), size=size, frames=8, fps=1, motion="turn", background="plain"))
