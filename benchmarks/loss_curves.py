"""Loss curves in float32 and in bf16 from the same weights on the same batches, and how far a float32 run with another seed lies from them.

Usage: python benchmarks/loss_curves.py [--steps 320] [--size 32] [--ngf 8] [--batch 2] [--device cpu] [--perceptual 0]
                                        [--picture docs/images/loss-curves.png] [--csv FILE]

Trains three times with the step of `dwnet train` and its learning rate that falls to zero: `float32` and `bf16` (autocast) with one seed of
weights and of the order of samples, `float32_other` with another one. On a GPU the bf16 step is compiled, as there by default, and float32
is without TF32. The samples are of two rendered people, 24 frames each, all losses of the paper but the perceptual one, for which L1
stands in (weight 10); `--perceptual 10` adds it with random weights of VGG-19.

Prints one JSON line: for every loss the largest distance of two curves, running means over 40 steps, as a share of the float32 run's mean:
`bf16` and `other_seed` against `float32`; and the means over the last 40 steps. The picture shows the running means over the batches.
"""

import argparse
import csv
import datetime
import json
import time
from pathlib import Path

import matplotlib
import numpy as np
import torch
from official_code import random_vgg

from densepose_cache.rendered.render import RenderedClip
from densepose_cache.warp import source_frame
from dwnet.config import LossSettings, ModelSettings, TrainSettings
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.generator import Generator
from dwnet.model.perceptual import Vgg19Features
from dwnet.training.compiled import compile_step
from dwnet.training.data import Batch, to_device_batch
from dwnet.training.distributed import alone
from dwnet.training.schedule import learning_rate
from dwnet.training.step import Networks, TrainStep

RUNS = {"float32": ("32-true", 0), "bf16": ("bf16-mixed", 0), "float32_other": ("32-true", 1)}
"""Precision, as Lightning calls it, and seed."""
FRAMES, TARGETS = 24, 3
WINDOW = 40
"""Steps of a running mean."""


class Samples:
    """Every sample of two rendered people, made once."""

    def __init__(self, size: int):
        motions = ("turn", "walk")
        clips = [
            RenderedClip(np.random.default_rng(k), size=size, frames=FRAMES, fps=8, motion=motions[k], background="plain") for k in (0, 1)
        ]
        frames = [list(clip) for clip in clips]
        self.rgb, self.iuv = (np.stack([[getattr(frame, name) for frame in clip] for clip in frames]) for name in ("rgb", "iuv"))
        self.index = np.stack(
            [[[g.index for g in source_frame("kdtree", source).grids(list(maps))] for source in maps] for maps in self.iuv]
        )

    def batch(self, random: np.random.Generator, samples: int, device: torch.device) -> Batch:
        rows = [(int(random.integers(2)), int(random.integers(FRAMES)), int(random.integers(FRAMES - TARGETS))) for _ in range(samples)]

        def over_targets(pick):
            return torch.from_numpy(
                np.stack([np.stack([pick(clip, source, first + t) for clip, source, first in rows]) for t in range(TARGETS)])
            )

        raw = {
            "clip": ["rendered"] * samples,
            "source": torch.from_numpy(np.stack([self.rgb[clip, source] for clip, source, _ in rows])),
            "real": over_targets(lambda clip, _, target: self.rgb[clip, target]),
            "iuv": over_targets(lambda clip, _, target: self.iuv[clip, target]),
            "source_index": over_targets(lambda clip, source, target: self.index[clip, source, target]),
            "previous_index": over_targets(lambda clip, _, target: self.index[clip, target - 1, target])[1:],
        }
        return to_device_batch(raw, device)


def curves(samples: Samples, options: argparse.Namespace, precision: str, seed: int) -> dict[str, list[float]]:
    """Losses of every step by name."""
    device = torch.device(options.device)
    model = ModelSettings(ngf=options.ngf, ndf=options.ngf, blocks=options.blocks)
    losses = LossSettings(perceptual=options.perceptual, l1=10.0)
    settings = TrainSettings(steps=options.steps, batch=options.batch, losses=losses)
    torch.manual_seed(seed)
    generator, discriminator = Generator(model).to(device), MultiscaleDiscriminator(model).to(device)
    adams = [torch.optim.Adam(net.parameters(), lr=2e-4, betas=settings.betas, fused=True) for net in (generator, discriminator)]
    features = Vgg19Features(random_vgg()).to(device) if options.perceptual else None
    step = TrainStep(Networks(generator, adams[0], discriminator, adams[1], features), model, settings, alone(device, precision))
    if device.type == "cuda" and precision != "32-true":
        compile_step(step)
    random, found = np.random.default_rng(seed), {}
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=False):
        for number in range(options.steps):
            step.nets.set_learning_rate(learning_rate(number, options.steps, settings))
            for name, value in step(samples.batch(random, options.batch, device)).read().items():
                found.setdefault(name, []).append(value)
    return found


def running(values: list[float]) -> np.ndarray:
    return np.convolve(values, np.ones(WINDOW) / WINDOW, "valid")


def apart(some: list[float], others: list[float]) -> float:
    """Largest distance of two curves as a share of the second one's mean."""
    return float(np.abs(running(some) - running(others)).max() / np.mean(others))


def picture(path: Path, found: dict[str, dict[str, list[float]]]):
    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(found["float32"])
    figure, axes = pyplot.subplots(1, len(names), figsize=(3 * len(names), 2.8), layout="constrained")
    styles = {"float32": ("C0", "-"), "bf16": ("C1", "--"), "float32_other": ("0.7", "-")}
    for name, place in zip(names, axes, strict=True):
        for run in ("float32_other", "float32", "bf16"):
            colour, line = styles[run]
            place.plot(range(WINDOW, len(found[run][name]) + 1), running(found[run][name]), color=colour, linestyle=line, label=run)
        place.set_title(name.replace("_", " "), fontsize=9)
        place.tick_params(labelsize=7)
        place.set_xlabel("step", fontsize=8)
    axes[0].legend(fontsize=7)
    figure.savefig(path, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=320)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--ngf", type=int, default=8, help="of the generator's and the discriminator's first layer")
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--perceptual", type=float, default=0.0)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--csv", type=Path, help="write every step's losses here")
    options = parser.parse_args()
    if options.device == "cpu":
        torch.set_num_threads(1)
    samples, found, spent = Samples(options.size), {}, {}
    for name, (precision, seed) in RUNS.items():
        start = time.perf_counter()
        found[name] = curves(samples, options, precision, seed)
        spent[name] = round(time.perf_counter() - start, 1)
    if options.picture:
        picture(options.picture, found)
    if options.csv:
        with options.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["run", "step", *found["float32"]])
            for run, losses in found.items():
                writer.writerows([run, number + 1, *row] for number, row in enumerate(zip(*losses.values(), strict=True)))
    base = found["float32"]
    distances = {run: {name: round(apart(found[run][name], base[name]), 4) for name in base} for run in ("bf16", "float32_other")}
    last = {run: {name: round(float(np.mean(values[-WINDOW:])), 4) for name, values in losses.items()} for run, losses in found.items()}
    facts = {name: getattr(options, name) for name in ("steps", "size", "ngf", "blocks", "batch", "device", "perceptual")}
    device = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    result = {"date": datetime.date.today().isoformat(), "torch": torch.__version__, **facts, "device": device, "seconds": spent}
    print(json.dumps(result | {"apart": {"bf16": distances["bf16"], "other_seed": distances["float32_other"]}, "last_mean": last}))


if __name__ == "__main__":
    main()
