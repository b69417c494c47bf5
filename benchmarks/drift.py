"""Whether a generator drifts: a rendered person goes through the same poses over and over, and the last frames are held against the first.

Usage: python benchmarks/drift.py [--model embedded] [--people 8] [--frames 300] [--size 256] [--poses 40]

Each person of a seed of its own moves forth and back through the same poses, with exact maps. A frame's partner is the first one, after the
first five, that shows the same pose on the same way. Prints for every person and over all: L1 on the body of the last thirty frames, of
their partners, and the difference; and the sharpness of the last thirty, the mean gradient on the body over that of the real frames.
"""

import argparse
import datetime
import os

import numpy as np
import pandas as pd
import torch

from densepose_cache.rendered.render import RenderedClip
from dwnet.inference.driving import FreeDriving
from dwnet.inference.rollout import generate_frames
from dwnet.model.checkpoint import load_model

SEED, FPS = 88_000, 12
LEFT_OUT, LAST = 5, 30


def there_and_back(poses: int, frames: int) -> np.ndarray:
    """Numbers (frames,) of poses: 0 to `poses` - 1 and back, again and again."""
    way = np.concatenate([np.arange(poses), np.arange(poses - 2, 0, -1)])
    return np.resize(way, frames)


def partners(poses: int, frames: int) -> np.ndarray:
    """Numbers (LAST,) of the first frames, LEFT_OUT at least, at the same place of the way as the last ones."""
    period, last = 2 * poses - 2, np.arange(frames - LAST, frames)
    return LEFT_OUT + (last - LEFT_OUT) % period


def body_l1(frame: np.ndarray, real: np.ndarray, body: np.ndarray) -> float:
    """Mean absolute difference of colours in [0, 1] over the pixels of `body` (S, S) bool."""
    return float(np.abs(frame[body].astype(np.float64) - real[body]).mean() / 255)


def gradient(frame: np.ndarray, body: np.ndarray) -> float:
    """Mean absolute difference of grey levels between neighbouring pixels of `body`."""
    grey = frame.mean(-1)
    inner = body[:-1, :-1]
    return float((np.abs(np.diff(grey, axis=1))[:-1] + np.abs(np.diff(grey, axis=0))[:, :-1])[inner].mean())


def measure(generator, seed: int, size: int, poses: int, frames: int) -> dict:
    """Figures of one person."""
    clip = list(RenderedClip(np.random.default_rng([SEED, seed]), size=size, frames=poses, fps=FPS, wide=True))
    way = there_and_back(poses, frames)
    driving = FreeDriving(clip[0].rgb, clip[0].iuv, [clip[pose].iuv for pose in way], "lattice")
    made = [frame[0] for frame in generate_frames(generator, [driving], [frames], torch.device("cpu"))]
    body = [frame.iuv[..., 0] > 0 for frame in clip]
    errors = np.array([body_l1(frame, clip[pose].rgb, body[pose]) for frame, pose in zip(made, way, strict=True)])
    sharp = [gradient(made[t], body[way[t]]) / gradient(clip[way[t]].rgb, body[way[t]]) for t in range(frames - LAST, frames)]
    first, last = errors[partners(poses, frames)].mean(), errors[-LAST:].mean()
    return {
        "person": seed,
        "partners": first,
        "last": last,
        "more": last - first,
        "more_percent": 100 * (last / first - 1),
        "sharpness": np.mean(sharp),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--poses", type=int, default=40)
    options = parser.parse_args()
    generator, _ = load_model(options.model)
    rows = [measure(generator, seed, options.size, options.poses, options.frames) for seed in range(options.people)]
    table = pd.DataFrame(rows).set_index("person")
    table = pd.concat([table, table.mean().to_frame("mean").T])
    print(f"{datetime.date.today()}, {os.cpu_count()} cores: {vars(options)}")
    print(table.to_string(float_format=lambda value: f"{value:.4f}"))


if __name__ == "__main__":
    main()
