"""A split of the cache with a few drawn clips: a striped figure that moves over a background, exact IUV maps, real warp grids."""

from pathlib import Path

import h5py
import numpy as np

from densepose_cache.config import FORMATS
from densepose_cache.digest import digest
from densepose_cache.samples import evaluation_pairs
from densepose_cache.warp import SourceTrees
from densepose_cache.warp.codec import MapCodes, encode
from densepose_cache.warp.stage import write_grids

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
    """Write an index file with the clips' groups inside; with `poison` every real frame but a clip's first is noise.

    `corner` is the part that the maps show in the four pixels of the top-left corner.
    """
    with h5py.File(path, "w") as file:
        file.attrs.update({"stage": "index", "format": FORMATS["index"], "split": "test", "size": SIZE, "clips": len(lengths)})
        for number, (clip, length) in enumerate(lengths.items()):
            drawn = [draw(number, frame) for frame in range(length)]
            rgb, iuv = (np.stack(part) for part in zip(*drawn, strict=True))
            iuv[:, :2, :2, 0] = corner
            if poison:
                rgb[1:] = np.random.default_rng(7).integers(0, 256, rgb[1:].shape)
            pairs = evaluation_pairs(length)
            trees = {source: SourceTrees(iuv[source]) for source in np.unique(pairs[:, 0])}
            codes = [MapCodes.of(frame) for frame in iuv]
            grids = [encode(trees[i].grids([iuv[j]])[0].index, codes[i], codes[j]) for i, j in pairs]
            group = file.create_group(clip)
            group.attrs.update({"length": length, "fps": 12.5, "digest": digest(clip, length, poison)})
            group.create_group("frames").create_dataset("rgb", data=rgb)
            maps = group.create_group("iuv")
            maps.create_dataset("iuv", data=iuv)
            if keypoints:
                joints = np.zeros((length, 17, 3), np.float32)
                joints[..., :2], joints[..., 2] = 30, 1
                maps.create_dataset("keypoints", data=joints)
            write_grids(group.create_group("warps"), pairs, grids)
    return path
