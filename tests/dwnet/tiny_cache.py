"""A split of the cache with a few drawn clips: a striped figure that moves over a background, exact IUV maps, real warp grids."""

import contextlib
from pathlib import Path

import numpy as np

from densepose_cache.cache.index import write_index
from densepose_cache.cache.samples import SampleTable
from densepose_cache.cache.shard import FOLDERS, ShardWriter
from densepose_cache.stages.warp import write_grids
from densepose_cache.storage.digest import digest
from densepose_cache.warp import SourceTrees
from densepose_cache.warp.codec import MapCodes, encode
from densepose_cache.warp.pairs import evaluation_pairs

SIZE = 64


def draw(clip: int, frame: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Frame and IUV map (S, S, 3) uint8: a torso and a head that move to the right."""
    rng = np.random.default_rng(clip)
    colours = rng.integers(0, 256, (3, 3))
    rgb = np.empty((size, size, 3), np.uint8)
    rgb[:] = colours[0] // 2 + 64
    iuv = np.zeros((size, size, 3), np.uint8)
    left = size // 4 + 2 * frame
    for part, (top, height, width) in {2: (size // 3, size // 2, size // 4), 23: (size // 6, size // 6, size // 8)}.items():
        rows, columns = np.mgrid[0:height, 0:width]
        iuv[top : top + height, left : left + width, 0] = part
        iuv[top : top + height, left : left + width, 1] = rows * 255 // height
        iuv[top : top + height, left : left + width, 2] = columns * 255 // width
        stripes = ((rows // 3 + clip) % 2)[..., None]
        rgb[top : top + height, left : left + width] = np.where(stripes, colours[1], colours[2])
    return rgb, iuv


def write_split(path: Path, lengths: dict[str, int], keypoints: bool = False, poison: bool = False, corner: int = 0) -> Path:
    """Write an index of the test split, and beside it the only shard of each kind; with `poison` every real frame but a clip's first is
    noise. `corner` is the part that the maps show in the four pixels of the top-left corner."""
    places = {folder: f"{path.stem}-{folder}" for folder in FOLDERS}
    with contextlib.ExitStack() as stack:
        shards = [
            stack.enter_context(ShardWriter(path.with_name(places[folder]) / "000.h5", stage, {})) for folder, stage in FOLDERS.items()
        ]
        for number, (clip, length) in enumerate(lengths.items()):
            frames, maps, warps = (shard.create(clip, digest(clip, length, poison)) for shard in shards)
            rgb, iuv = (np.stack(part) for part in zip(*(draw(number, frame) for frame in range(length)), strict=True))
            iuv[:, :2, :2, 0] = corner
            if poison:
                rgb[1:] = np.random.default_rng(7).integers(0, 256, rgb[1:].shape)
            ShardWriter.write(frames, "rgb", rgb)
            ShardWriter.write(maps, "iuv", iuv)
            if keypoints:
                joints = np.zeros((length, 17, 3), np.float32)
                joints[..., :2], joints[..., 2] = 30, 1
                ShardWriter.table(maps, "keypoints", joints)
            pairs = evaluation_pairs(length)
            trees = {source: SourceTrees(iuv[source]) for source in np.unique(pairs[:, 0])}
            codes = [MapCodes.of(frame) for frame in iuv]
            write_grids(warps, pairs, [encode(trees[i].grids([iuv[j]])[0].index, codes[i], codes[j]) for i, j in pairs])
    names = sorted(lengths)
    columns = {"name": names, "shard": [0] * len(names), "length": [lengths[name] for name in names], "fps": [12.5] * len(names)}
    columns["digest"] = [digest(*[digest(name, lengths[name], poison)] * len(FOLDERS)) for name in names]
    write_index(path, "test", SIZE, columns, SampleTable.of([np.zeros((0, 3), int)] * len(names)), places)
    return path
