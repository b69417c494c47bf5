"""The surface fill, what is nearest, the smooth grid and the grid carried over the body's edge, each by a search written out."""

import numpy as np

from densepose_cache.warp.carry import REACH
from densepose_cache.warp.fill import DEPTH, HEAD, LOST, MIRROR, FilledGrid, SourceSurface
from densepose_cache.warp.smooth import HAIR, NECKLINE, RIM, TOLERANCE, SmoothGrid
from densepose_cache.warp.smooth import REACH as MEAN_REACH
from densepose_cache.warp.surface import surface_table

MIRRORED = np.array([-1, 1, 1])


def places(iuv: np.ndarray, depth: float = DEPTH) -> np.ndarray:
    """Where the pixels of a map (N, 3) lie, (N, 3) float64, with depth weighted."""
    found = surface_table()[iuv[:, 0], iuv[:, 1] // 4, iuv[:, 2] // 4].astype(np.float64)
    found[:, 1] *= np.where(np.isin(iuv[:, 0], HEAD), 1, depth)
    return found


def costs(source: np.ndarray, driving: np.ndarray, depth: float = DEPTH, mirror: float = MIRROR) -> np.ndarray:
    """(N, M): metres on the body from every driving pixel (N, 3) to every source pixel (M, 3), the other side at its penalty."""
    body, metres = source[:, 0] > 0, np.full((len(driving), len(source)), np.inf)
    here, there = places(driving, depth), places(source[body], depth)
    own, other = (np.linalg.norm(here[:, None] * side - there, axis=-1) for side in (1, MIRRORED))
    metres[:, body] = np.minimum(own, other + mirror)
    return metres


def assert_filled(source: np.ndarray, driving: np.ndarray, index: np.ndarray, filled: FilledGrid, depth=DEPTH, mirror=MIRROR):
    """`filled` is `index` but at body pixels whose part `source` lacks; these read a nearest pixel; distances are right."""
    assert filled.index.dtype == index.dtype
    assert filled.distance.dtype == np.uint8
    body, shown = driving[..., 0] > 0, np.isin(driving[..., 0], source[..., 0])
    lost = body & ~shown
    assert np.array_equal(filled.index[~lost], index[~lost])
    assert not filled.distance[~body].any()
    flat = source.reshape(-1, 3)
    exact = np.linalg.norm(places(driving[body & shown], depth) - places(flat[index[body & shown]], depth), axis=1)
    assert np.abs(filled.distance[body & shown] - np.minimum(100 * exact, 254)).max(initial=0) < 0.501
    if not source[..., 0].any():
        assert np.array_equal(filled.index, index)
        assert (filled.distance[lost] == 255).all()
    elif lost.any():
        metres = costs(flat, driving[lost], depth, mirror)
        taken = metres[np.arange(len(metres)), filled.index[lost]]
        assert np.allclose(taken, metres.min(1), atol=1e-5)
        assert np.abs(filled.distance[lost] - np.minimum(1 + 100 * taken, 254)).max() < 0.501


def assert_nearest(source: np.ndarray, driving: np.ndarray, found: FilledGrid, depth=DEPTH, mirror=MIRROR):
    """Body pixels of `found` read a nearest pixel of the source, whatever its part; all others, and all without a source, themselves."""
    assert found.distance.dtype == np.uint8
    body, own = driving[..., 0] > 0, np.arange(found.index.size).reshape(found.index.shape)
    there = body & source[..., 0].any()
    assert np.array_equal(found.index[~there], own[~there])
    assert np.array_equal(found.distance[~there], np.where(body, LOST, 0)[~there])
    if there.any():
        metres = costs(source.reshape(-1, 3), driving[there], depth, mirror)
        taken = metres[np.arange(len(metres)), found.index[there]]
        assert np.allclose(taken, metres.min(1), atol=1e-5)
        assert np.abs(found.distance[there] - np.minimum(1 + 100 * taken, LOST - 1)).max() < 0.501


def inside(source: np.ndarray, rim: float = RIM) -> np.ndarray:
    """The map (H, W, 3) where a square around the pixel shows nothing but body; all of it where no pixel is such."""
    pixels = round(rim * source.shape[0])
    padded = np.pad(source[..., 0] > 0, pixels, constant_values=True)
    whole = np.lib.stride_tricks.sliding_window_view(padded, (2 * pixels + 1, 2 * pixels + 1)).all((2, 3))
    return np.where(whole[..., None], source, 0) if whole.any() else source


def smooth_by_search(source: np.ndarray, driving: np.ndarray, rim=RIM, reach=MEAN_REACH, tolerance=TOLERANCE) -> SmoothGrid:
    """What `SmoothSurface.grid` returns, pixel by pixel; what is nearest is taken from `SourceSurface.nearest`."""
    nearest = SourceSurface(inside(source, rim), neckline=NECKLINE, hair=HAIR).nearest(driving)
    body = (driving[..., 0] > 0) & source[..., 0].any()
    height, width = body.shape
    ways = np.stack([nearest.index % width, nearest.index // width], -1) - np.indices((height, width)).transpose(1, 2, 0)[..., ::-1]

    def around(values: np.ndarray, r: int, c: int) -> np.ndarray:
        return values[max(r - reach, 0) : r + reach + 1, max(c - reach, 0) : c + reach + 1]

    good, smooth = np.zeros_like(body), np.zeros((height, width, 2))
    for r, c in np.argwhere(body):
        off = ways[r, c] - around(ways, r, c)[around(body, r, c)].mean(0)
        good[r, c] = (off**2).sum() < (tolerance * height) ** 2
    for r, c in np.argwhere(body):
        counted = around(ways, r, c)[around(good, r, c)]
        smooth[r, c] = counted.mean(0) if len(counted) else ways[r, c]
    return SmoothGrid(smooth.astype(np.float32), nearest.distance)


def carried_by_search(filled: FilledGrid, source: np.ndarray, driving: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `carried` returns, every background pixel against every body pixel."""
    height, width = filled.index.shape
    body = driving[..., 0] > 0
    index = np.where(body, filled.index, np.arange(height * width).reshape(height, width))
    edge = np.zeros((height, width), np.uint8)
    rows, columns = np.nonzero(body & (filled.distance < 255))
    for r, c in np.argwhere(~body) if len(rows) else []:
        squared = (rows - r) ** 2 + (columns - c) ** 2
        nearest = np.lexsort((rows, columns > c, abs(columns - c), squared))[0]
        start = divmod(int(filled.index[rows[nearest], columns[nearest]]), width)
        y, x = np.clip((start[0] + r - rows[nearest], start[1] + c - columns[nearest]), 0, (height - 1, width - 1))
        if squared[nearest] <= (REACH * height) ** 2 and source[y, x, 0] == 0:
            index[r, c] = y * width + x
            edge[r, c] = max(1, round(np.sqrt(squared[nearest]) * 256 / height))
    return index, edge
