"""Random IUV maps, and the grid between two of them by a search written out."""

import numpy as np
from hypothesis import strategies as st

from densepose_cache.iuv import PARTS

KINDS = ["noise", "flat", "clustered", "corners", "sparse", "smooth"]


def brute_force(source: np.ndarray, driving: np.ndarray) -> np.ndarray:
    """Lowest source index among the nearest in (U, V), every pixel against every other."""
    there, here = (iuv.reshape(-1, 3).astype(np.int32) for iuv in (source, driving))
    squared = ((here[:, None, 1:] - there[None, :, 1:]) ** 2).sum(-1)
    squared[here[:, None, 0] != there[None, :, 0]] = 1 << 30
    index = np.where(squared.min(1) < 1 << 30, squared.argmin(1), 0)
    own = np.where(there[:, 0] == 0, np.arange(len(there)), 0)
    return np.where(here[:, 0] == 0, own, index).reshape(source.shape[:2])


def random_map(rng: np.random.Generator, height: int, width: int, parts: np.ndarray, kind: str) -> np.ndarray:
    """A map (height, width, 3) uint8 of the given `parts` whose U and V are strewn as `kind` says."""
    iuv = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "flat":
        iuv[..., 1:] = rng.integers(0, 256, 2)
    elif kind == "clustered":
        iuv[..., 1:] = rng.integers(0, 250, 2) + rng.integers(0, 5, (height, width, 2))
    elif kind == "corners":
        iuv[..., 1:] = np.where(rng.random((height, width, 2)) < 0.5, iuv[..., 1:] // 128 * 255, iuv[..., 1:] // 64 * 3)
    elif kind == "smooth":
        iuv[..., 1:] = np.minimum(np.indices((height, width)).transpose(1, 2, 0) * rng.integers(1, 20) + rng.integers(0, 40, 2), 255)
    iuv[..., 0] = rng.choice(parts, (height, width))
    if kind == "sparse":
        iuv[rng.random((height, width)) < 0.9] = 0
    return iuv


@st.composite
def map_lists(draw):
    """A source map and one to three driving maps of one size, with whole frames of body, lone pixels and parts that only one map has."""
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    maps = []
    for _ in range(draw(st.integers(2, 4))):
        parts = draw(st.lists(st.integers(0, PARTS), min_size=1, max_size=5))
        maps.append(random_map(rng, height, width, np.array(parts), draw(st.sampled_from(KINDS))))
    return maps
