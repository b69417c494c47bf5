"""Whether a generator drifts: a rendered person goes through the same poses over and over, and the last frames are held against the first.

Usage: python benchmarks/drift.py [--model embedded] [--people 8] [--frames 300] [--size 256] [--poses 40] [--pictures FILE]

Each person of a seed of its own moves forth and back through the same poses, with exact maps. A frame's partner is the first one, after the
first five, that shows the same pose on the same way. Prints for every person and over all: L1 on the body of the last thirty frames, of
their partners, and the difference; and the sharpness of the last thirty, the mean gradient on the body over that of the real frames.

Then, mean of all people, a row for some of the passes (once forth and back), over every fourth frame of them: L1 on the body and perceptual
distance (EfficientNet-Lite0, docs/metrics.md) to the real frames, sharpness, and L1 of the whole frame and perceptual distance to the first
pass. `--pictures` shows the first person's real frame, and the same pose in the first, the middle and the last pass, for five poses.
"""

import argparse
import datetime
import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from densepose_cache.rendered.render import RenderedClip
from dwnet.evaluation.metrics.perceptual import perceptual
from dwnet.inference.driving import FreeDriving
from dwnet.inference.rollout import generate_frames
from dwnet.model.checkpoint import load_model
from dwnet.model.perceptual import EmbeddedFeatures

SEED, FPS = 88_000, 12
LEFT_OUT, LAST = 5, 30
STEP = 4
"""Of the frames of a pass every fourth is compared."""


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


def passes_shown(poses: int, frames: int) -> list[int]:
    """Numbers of whole passes that the table shows: 0, 1, 2, 4, 8, ... and the last."""
    last = frames // (2 * poses - 2) - 1
    return sorted({0, last, *(2**k for k in range(10) if 2**k < last)} - {-1})


class Perceptual:
    """Perceptual distances of frames (S, S, 3) uint8."""

    def __init__(self):
        self._features = EmbeddedFeatures()

    @torch.inference_mode()
    def __call__(self, one: np.ndarray, other: np.ndarray) -> float:
        taps = [self._features(torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 127.5 - 1) for frame in (one, other)]
        return perceptual(*taps, self._features.tap_weights).item()


def measure(generator, apart: Perceptual, seed: int, size: int, poses: int, frames: int) -> tuple[dict, list[dict], np.ndarray]:
    """Figures of one person, rows of its passes, and a picture of five poses."""
    clip = list(RenderedClip(np.random.default_rng([SEED, seed]), size=size, frames=poses, fps=FPS, wide=True))
    way, period = there_and_back(poses, frames), 2 * poses - 2
    driving = FreeDriving(clip[0].rgb, clip[0].iuv, [clip[pose].iuv for pose in way], "lattice")
    body = [frame.iuv[..., 0] > 0 for frame in clip]
    real_gradients = [gradient(frame.rgb, inside) for frame, inside in zip(clip, body, strict=True)]
    errors, sharp, first, rows, pictures = [], [], [], [], {}
    passes = passes_shown(poses, frames)
    for t, (frame,) in enumerate(generate_frames(generator, [driving], [frames], torch.device("cpu"))):
        number, pose = t // period, way[t]
        real = clip[pose].rgb
        errors.append(body_l1(frame, real, body[pose]))
        sharp.append(gradient(frame, body[pose]) / real_gradients[pose])
        first += [frame] if number == 0 else []
        if t >= LEFT_OUT and t % period % STEP == 0 and number in passes:
            to_real = {"l1_body": errors[-1], "perceptual": apart(frame, real), "sharpness": sharp[-1]}
            before = first[t % period]
            to_first = {"l1_to_first": np.abs(frame.astype(float) - before).mean() / 255, "perceptual_to_first": apart(frame, before)}
            rows.append({"pass": number, "frame": number * period} | to_real | to_first)
        if number in (0, passes[len(passes) // 2], passes[-1]):
            pictures[number, t % period] = frame
    shown = np.linspace(LEFT_OUT, poses - 1, 5).round().astype(int)
    numbers = sorted({number for number, _ in pictures})
    columns = [[clip[way[place]].rgb, *(pictures[number, place] for number in numbers)] for place in shown]
    early, last = np.mean([errors[k] for k in partners(poses, frames)]), np.mean(errors[-LAST:])
    figures = {"partners": early, "last": last, "more": last - early, "more_percent": 100 * (last / early - 1)}
    picture = np.concatenate([np.concatenate(column) for column in columns], 1)
    return {"person": seed} | figures | {"sharpness": np.mean(sharp[-LAST:])}, rows, picture


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--poses", type=int, default=40)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    generator, apart = load_model(options.model)[0], Perceptual()
    people = [measure(generator, apart, seed, options.size, options.poses, options.frames) for seed in range(options.people)]
    table = pd.DataFrame([figures for figures, _, _ in people]).set_index("person")
    table = pd.concat([table, table.mean().to_frame("mean").T])
    passes = pd.DataFrame([row for _, rows, _ in people for row in rows]).groupby(["pass", "frame"]).mean()
    print(f"{datetime.date.today()}, {os.cpu_count()} cores: {vars(options)}")
    for shown in (table, passes):
        print(shown.to_string(float_format=lambda value: f"{value:.4f}"))
    if options.pictures:
        Image.fromarray(people[0][2]).save(options.pictures)


if __name__ == "__main__":
    main()
