"""What a second picture brings: rendered people who turn round, animated from a front picture, and from a front and a back picture.

Usage: python benchmarks/sources.py [--people 10] [--frames 24] [--size 256] [--maps exact] [--strip strip.png] [--rows 4]

Of every person the frame that shows most of the front and the one that shows most of the back are the pictures; all other frames are the
truth. The maps are the exact ones, or with `--maps embedded` those of the network that ships. The generator is the one that ships.

Prints the means over people of all metrics over all other frames, over those that show more of the back than of the front, and over the
rest, with the mean of the paired differences both - front and its standard error over people; `flicker` is the mean change of a body pixel
from frame to frame beyond the real frames' (read at the exact grid between them), and how many times as long a frame takes. The strip shows
for every person the pictures, then real frames and what was made of them.
"""

import argparse
import datetime
import os
import platform
import sys
import time

import numpy as np
import pandas as pd
import torch
from PIL import Image

from densepose_cache.clips import Clip
from densepose_cache.config import DensePoseSettings
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.backend import ClipFrames
from densepose_cache.densepose.backends.build import make_backend
from densepose_cache.rendered.render import RenderedClip, clip_generator
from densepose_cache.warp import coarse_warp_grid
from dwnet.config import EvaluateSettings
from dwnet.evaluation.metrics.measure import FrameBatch
from dwnet.evaluation.metrics.suite import build_measures
from dwnet.inference.driving import FreeDriving
from dwnet.inference.rollout import generate_frames
from dwnet.inference.views.generate import generate_from_views
from dwnet.inference.views.pictures import alike
from dwnet.model.checkpoint import load_model
from dwnet.pretrained import EMBEDDED

SEED = 88_000
FPS = 8
BACK, FRONT = 1, 2
"""Parts of the torso."""
CPU = torch.device("cpu")
METHODS = ("front", "both")
SHOWN = 7
"""Frames of the strip."""


def person(number: int, options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Frames and maps (T, S, S, 3) of a person who turns round."""
    clip = RenderedClip(clip_generator(SEED, "test", number), size=options.size, frames=options.frames, fps=FPS, motion="turn")
    rendered = list(clip)
    frames, maps = np.stack([frame.rgb for frame in rendered]), np.stack([frame.iuv for frame in rendered])
    if options.maps == "embedded":
        backend = make_backend(DensePoseSettings(backend="embedded"), None)
        whole = Geometry.from_box(options.size, options.size, None, options.size)
        clip = ClipFrames(Clip("person", None), frames, np.arange(len(frames), dtype=np.int32), whole)
        maps = np.stack([found.iuv for found in backend.maps(clip)])
    return frames, maps


def generated(generator, frames: np.ndarray, maps: np.ndarray, given: list[int]) -> tuple[np.ndarray, float]:
    """Frames (T, S, S, 3) from the pictures `given`, and seconds a frame."""
    pictures = alike(frames[given], maps[given])
    drivings = [FreeDriving(picture, iuv, maps, "lattice") for picture, iuv in zip(pictures, maps[given], strict=True)]
    start = time.perf_counter()
    if len(given) > 1:
        found = np.concatenate(list(generate_from_views(generator, drivings, len(maps), CPU)))
    else:
        found = np.concatenate(list(generate_frames(generator, drivings, [len(maps)], CPU)))
    return found, (time.perf_counter() - start) / len(maps)


def flicker(frames: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Mean change (T,) of body pixels from the frame before, read at the grid between the maps; 0 for the first frame."""
    change = np.zeros(len(frames))
    for t in range(1, len(frames)):
        grid = coarse_warp_grid(maps[t - 1], maps[t])
        before = frames[t - 1].reshape(-1, 3)[grid.index.ravel()].reshape(frames[t].shape)
        apart = np.abs(before.astype(int) - frames[t]).mean(-1)
        change[t] = apart[grid.visible & (maps[t][..., 0] > 0)].mean() / 255
    return change


def measure(generator, measures: list, number: int, options: argparse.Namespace) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows method, view ("back" or "rest") and metrics of every frame of a person, and a row of the strip for every method."""
    frames, maps = person(number, options)
    front, back = (int((maps[..., 0] == part).sum((1, 2)).argmax()) for part in (FRONT, BACK))
    rest = [t for t in range(len(frames)) if t not in (front, back)]
    turned = [(maps[t, ..., 0] == BACK).sum() > (maps[t, ..., 0] == FRONT).sum() for t in rest]
    body, real = torch.from_numpy(maps[rest][..., 0] > 0), FrameBatch.of(frames[rest], CPU)
    seen = [measure.observe(real) for measure in measures]
    base, rows, strip = flicker(frames, maps)[rest], [], []
    shown = np.linspace(0, len(rest) - 1, SHOWN).round().astype(int)
    strip.append(np.concatenate([frames[front], *frames[rest][shown]], 1))
    for method in METHODS:
        made, seconds = generated(generator, frames, maps, [front] if method == "front" else [front, back])
        batch = FrameBatch.of(made[rest], CPU)
        values = {}
        for one, before in zip(measures, seen, strict=True):
            values |= {name: np.asarray(value) for name, value in one.compare(before, one.observe(batch), body).items()}
        values |= {"flicker": flicker(made, maps)[rest] - base, "seconds": seconds}
        views = np.where(turned, "back", "rest")
        rows.append(pd.DataFrame({"person": number, "method": method, "view": views} | values))
        strip.append(np.concatenate([frames[back], *made[rest][shown]], 1))
    return pd.concat(rows), np.concatenate(strip)


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Metric, front, both, difference and its standard error over people."""
    means = rows.groupby(["person", "method"]).mean(numeric_only=True).unstack("method")
    found = []
    for metric in means.columns.levels[0]:
        front, both = (means[metric][method] for method in METHODS)
        apart = (both - front).dropna()
        found.append((metric, front.mean(), both.mean(), apart.mean(), apart.std(ddof=1) / np.sqrt(len(apart))))
    return pd.DataFrame(found, columns=["metric", *METHODS, "difference", "error"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--maps", choices=("exact", "embedded"), default="exact")
    parser.add_argument("--strip", help="picture to write")
    parser.add_argument("--rows", type=int, default=4, help="people in the strip")
    options = parser.parse_args()
    generator = load_model(EMBEDDED)[0]
    measures, _ = build_measures(EvaluateSettings(features="embedded"), "weights", CPU)
    found = [measure(generator, measures, number, options) for number in range(options.people)]
    rows = pd.concat([part for part, _ in found])
    for one in measures:
        one.close()
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, {platform.machine()}: {' '.join(sys.argv[1:])}")
    for view, chosen in {"all": rows, "back": rows[rows["view"] == "back"], "rest": rows[rows["view"] == "rest"]}.items():
        print(f"\n{view}: {len(chosen) // len(METHODS)} frames of {options.people} people")
        print(table(chosen).to_string(index=False, float_format=lambda value: f"{value:.4f}"))
    if options.strip:
        Image.fromarray(np.concatenate([strip for _, strip in found[: options.rows]])).save(options.strip)


if __name__ == "__main__":
    main()
