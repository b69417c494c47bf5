"""Clips as folders of frames with IUV maps, as users have them."""

from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from densepose_cache.iuv import write_iuv_png


def frames_folder(root, name, count, maps=None):
    """The clip `name` in the official layout, of pictures in one grey each: `count` frames, and as many maps or `maps`."""
    for folder, number, pattern in (("target", count, "frame{}.png"), ("dp_target", count if maps is None else maps, "frame{}_IUV.png")):
        place = root / name / folder
        place.mkdir(parents=True)
        for k in range(number):
            Image.fromarray(np.full((8, 8, 3), k, np.uint8)).save(place / pattern.format(k))


def write_source(folder: Path, name: str, split: str, maps: np.ndarray, side_file: bool = False) -> dict:
    """Frames and IUV maps of one clip below `folder`; returns its row of the clip table."""
    frames, pictures = folder / name / "target", folder / name / "dp_target"
    frames.mkdir(parents=True)
    rng = np.random.default_rng(len(name))
    for time, iuv in enumerate(maps):
        rgb = np.where(iuv[..., :1] > 0, iuv * 7, 200).astype(np.uint8) ^ rng.integers(0, 4, iuv.shape, dtype=np.uint8)
        Image.fromarray(rgb).save(frames / f"frame{time}.png")
    if side_file:
        pictures = folder / name / f"{name}.iuv.h5"
        with h5py.File(pictures, "w") as file:
            file["iuv"] = maps
            file["keypoints"] = np.tile(np.float32([[10, 20, 1]]), (len(maps), 17, 1))
    else:
        pictures.mkdir()
        for time, iuv in enumerate(maps):
            write_iuv_png(pictures / f"frame{time}_IUV.png", iuv)
    return {"clip": name, "split": split, "video": str(frames), "iuv": str(pictures)}
