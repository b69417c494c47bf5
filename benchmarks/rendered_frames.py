"""Two rendered people in the layout of the real clips: folders of frames and IUV PNGs, where there is neither DWNET_TEST_DATA nor ffmpeg.

Usage: python benchmarks/rendered_frames.py FOLDER [--size 256] [--frames 182]
then DWNET_TEST_DATA=FOLDER python benchmarks/loader.py. Frames are rendered once; what is there stays.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from densepose_cache.iuv import write_iuv_png
from densepose_cache.rendered.render import RenderedClip

CLIPS = {"fashion/1": "turn", "taichi/1": "walk"}
"""Place below data/ubc_sample, and motion."""


def render(folder: Path, motion: str, seed: int, size: int, frames: int):
    """Write `frames` pictures and maps of a person into `folder`/target and `folder`/dp_target."""
    places = [folder / name for name in ("target", "dp_target")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    clip = RenderedClip(np.random.default_rng(seed), size=size, frames=frames, fps=25, motion=motion, background="plain")
    for number, frame in enumerate(clip):
        Image.fromarray(frame.rgb).save(places[0] / f"frame{number}.png")
        write_iuv_png(places[1] / f"frame{number}_IUV.png", frame.iuv)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--frames", type=int, default=182)
    options = parser.parse_args()
    for seed, (place, motion) in enumerate(CLIPS.items()):
        folder = options.folder / "data/ubc_sample" / place
        if not (folder / "dp_target" / f"frame{options.frames - 1}_IUV.png").is_file():
            render(folder, motion, seed, options.size, options.frames)


if __name__ == "__main__":
    main()
