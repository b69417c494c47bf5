"""Samples a second of the training step beside the official implementation's, with the same losses, and what each measure brings.

Usage: python benchmarks/training_step.py [--official CHECKOUT] [--preset paper] [--size 256] [--batch 8] [--ngf 64] [--device cuda]
                                          [--steps 20] [--variants float32,tf32,...] [--cache FOLDER]

The peer is the official code, run from a checkout of its repository (github.com/ubc-vision/DwNet) that CHECKOUT names: its networks, its
losses, its step for every frame (two passes of the discriminator over the generated frame, all of VGG-19 for the real one), float32.
Without CHECKOUT the peer is left out. Both get the same weights and batch; `--preset paper` is three frames a sample without warp loss
(options prev_frame_num and no_warp_loss of the peer), one update of ours; `official` is two frames, warp loss, an update a frame. VGG-19's
weights are random. Coarse grids are ready in both, and batches lie on the device: no loading.

Variants of ours, each with all measures that are named before it: `float32` (eager, no TF32), `tf32`, `bf16` (autocast), `channels_last`
(weights in that layout), `fused` (Adam), `networks` (generator and losses compiled, inside channels-last) and `graphs` (the step recorded
as a CUDA graph). `official` and `official_tf32` are the peer. On the CPU the variants (`official,float32,fused,channels_last` unless
others are named) take turns, step by step, and processor time counts, since other programs may be busy; on a GPU one follows the other.

Prints a JSON line for every variant and one with everything: the losses of the first frame on equal weights, ours and the peer's; for every
variant seconds a step (median; mean on a GPU), samples a second, times the peer, TFLOP/s by the operations that were counted, which for the
peer are those of its own step, the share of the card's bf16 peak, peak memory, and seconds of the first step, which compiles. With
`--cache`, the folder of a cache with train.h5: samples a second of `dwnet train` on it, over the second half of `--steps` steps, and the
time of two epochs of Fashion at that rate.
"""

import argparse
import copy
import datetime
import functools
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import torch
from official_code import Official, random_vgg
from torch.utils.flop_counter import FlopCounterMode

from dwnet.config import PRESETS, ModelSettings, TrainSettings
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.generator import Generator
from dwnet.model.official.state_dict import load_discriminator, load_generator
from dwnet.model.perceptual import Vgg19Features
from dwnet.model.warping import grid_from_index
from dwnet.training import loop
from dwnet.training.compiled import RecordedStep, compile_step
from dwnet.training.data import Batch
from dwnet.training.distributed import alone
from dwnet.training.plan import step_cost
from dwnet.training.step import Networks, Outcome, TrainStep

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""bf16 operations a second of the card's matrix units, dense, from its data sheet (SXM)."""
PEERS = ("official", "official_tf32")
MEASURES = ("float32", "tf32", "bf16", "channels_last", "fused", "networks", "graphs")
ON_CPU = ("official", "float32", "fused", "channels_last")
FASHION = 500 * 350 * 2
"""Samples of two epochs of the paper's Fashion data set."""
THEIR_NAMES = {
    "gan": "G_GAN",
    "feature_matching": "G_GAN_Feat",
    "perceptual_vgg19": "G_VGG",
    "warp": "G_Warp",
    "critic_fake": "D_fake",
    "critic_real": "D_real",
}
"""Losses by our names and the peer's."""


def drawn_batch(samples: int, targets: int, size: int, device: torch.device) -> Batch:
    """Soft colours, and grids of a body in the middle that has moved a little and lacks a part."""
    random = torch.Generator().manual_seed(0)

    def pictures(*shape):
        coarse = torch.rand(*shape, 3, size // 8, size // 8, generator=random) * 2 - 1
        return torch.nn.functional.interpolate(coarse.flatten(0, -4), size, mode="bilinear").unflatten(0, shape).to(device)

    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    body = ((rows - size / 2).abs() < size * 0.4) & ((columns - size / 2).abs() < size * 0.15)
    grids = []
    for _ in range(2):
        moves = torch.randint(-size // 16, size // 16 + 1, (targets, samples, 2, 1, 1), generator=random)
        index = (rows + moves[:, :, 0]).clamp(0, size - 1) * size + (columns + moves[:, :, 1]).clamp(0, size - 1)
        index = torch.where(body, index, rows * size + columns)
        index[..., size // 2 : size // 2 + size // 8, :] *= ~body[size // 2 : size // 2 + size // 8]
        grids.append(grid_from_index(index, size, size).to(device))
    grids[1][0] = grids[0][0]
    return Batch(["drawn"] * samples, pictures(samples), pictures(targets, samples), pictures(targets, samples), *grids)


class Unfused(torch.optim.Adam):
    """Adam that does not look whether a loss was broken, which only the fused one can do."""

    found_inf = property(lambda _: None, lambda *_: None)


class Bench:
    """Steps of all variants from the same weights."""

    def __init__(self, options: argparse.Namespace):
        self.options, self.device = options, torch.device(options.device)
        torch.manual_seed(0)
        self.vgg = random_vgg()
        self.model = ModelSettings(ngf=options.ngf, ndf=options.ngf, blocks=options.blocks)
        self.settings = TrainSettings(preset=options.preset, batch=options.batch, backward=options.backward)
        self.batch = drawn_batch(options.batch, self.settings.targets, options.size, self.device)
        self.generator, self.discriminator = Generator(self.model), MultiscaleDiscriminator(self.model)
        if options.official:
            peer = self._official()
            self.generator, self.discriminator = (
                load_generator(peer.model.netG.state_dict()),
                load_discriminator(peer.model.netD.state_dict()),
            )
            self.state = copy.deepcopy(peer.model.state_dict())

    def _official(self) -> Official:
        options, settings = self.options, self.settings
        return Official(options.official, self.device, options.size, options.batch, settings.targets, options.ngf, options.ngf,
                        options.blocks, settings.losses.warp > 0, self.vgg)  # fmt: skip

    def peer(self) -> Callable[[], object]:
        official = self._official()
        official.model.load_state_dict(self.state)
        return lambda: official.step(self.batch)

    def function(self, variant: str) -> Callable[[], object]:
        """A step of `variant`: of the peer, or ours with this measure and all that were chosen before it."""
        chosen = self.options.variants
        return self.peer() if variant in PEERS else self.step(chosen[: chosen.index(variant) + 1])

    def step(self, measures: Sequence[str], batch: Batch | None = None) -> Callable[[], Outcome]:
        """A function that makes a step with `measures`, on the benchmark's batch or another one."""
        nets = Networks(copy.deepcopy(self.generator), None, copy.deepcopy(self.discriminator), None, Vgg19Features(self.vgg))
        for module in (nets.generator, nets.discriminator, nets.features):
            module.to(self.device)
            if "channels_last" in measures:
                module.to(memory_format=torch.channels_last)
        adam = functools.partial(torch.optim.Adam, fused=True) if "fused" in measures else Unfused
        nets.generator_optimizer, nets.discriminator_optimizer = (
            adam(module.parameters(), lr=self.settings.learning_rate, betas=self.settings.betas)
            for module in (nets.generator, nets.discriminator)
        )
        group = alone(self.device, "bf16-mixed" if "bf16" in measures else "32-true")
        step = (RecordedStep if "graphs" in measures else TrainStep)(nets, self.model, self.settings, group)
        if "networks" in measures:
            compile_step(step)
        return lambda: step(batch or self.batch)

    def equal_losses(self) -> dict[str, list[float]]:
        """Of the first frame, on equal weights: ours and the peer's, weighted as it does."""
        weights = self.settings.losses
        first = Batch([], self.batch.source, *(getattr(self.batch, name)[:1] for name in ("real", "iuv", "source_grid", "previous_grid")))
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            theirs, ours = self.peer()()[0], self.step(["float32"], first)().read()
        factors = {"feature_matching": weights.feature_matching, "perceptual_vgg19": weights.perceptual}
        names = {name: their for name, their in THEIR_NAMES.items() if name in ours and their in theirs}
        return {name: [round(ours[name] * factors.get(name, 1.0), 6), round(float(theirs[their]), 6)] for name, their in names.items()}

    def operations(self, variant: str) -> int:
        if variant not in PEERS:
            nets = Networks(self.generator, None, self.discriminator, None, Vgg19Features(self.vgg))
            return step_cost(nets, self.model, self.settings, self.options.batch, self.options.size, "32-true").operations
        step = self.peer()
        with FlopCounterMode(display=False) as counter:
            step()
        return counter.get_total_flops()


def seconds(function: Callable, device: torch.device) -> float:
    """Processor time of this thread on the CPU; by the clock on a GPU, which is waited for."""
    if device.type != "cuda":
        start = time.thread_time()
        function()
        return time.thread_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def timed_on_cpu(bench: Bench, variants: list[str], steps: int) -> dict[str, dict]:
    """All variants in turn, step by step."""
    functions = {name: bench.function(name) for name in variants}
    first = {name: seconds(function, bench.device) for name, function in functions.items()}
    times = {name: [] for name in variants}
    for _ in range(steps):
        for name, function in functions.items():
            times[name].append(seconds(function, bench.device))
    return {name: {"step_s": statistics.median(times[name]), "first_s": first[name]} for name in variants}


def timed_on_gpu(bench: Bench, name: str, steps: int) -> dict:
    """One variant: the mean of `steps` steps that follow each other without a wait, after five that are not counted."""
    tf32 = name not in ("official", "float32")
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=tf32):
        function = bench.function(name)
        first = seconds(function, bench.device)
        seconds(lambda: [function() for _ in range(4)], bench.device)
        torch.cuda.reset_peak_memory_stats()
        total = seconds(lambda: [function() for _ in range(steps)], bench.device)
        memory = torch.cuda.max_memory_allocated() / 1e9
    function = None
    gc.collect()
    torch.compiler.reset()
    torch.cuda.empty_cache()
    return {"step_s": total / steps, "first_s": first, "peak_gb": round(memory, 2)}


def trained(options: argparse.Namespace, bench: Bench) -> dict:
    """`dwnet train` on a real cache: samples a second from the middle to the end, where nothing is compiled any more."""
    loop.load_features = lambda *_: Vgg19Features(bench.vgg)
    quiet = {"log_every": 1, "save_every": 10**6, "picture_every": 10**6, "explosion": None}
    settings = bench.settings.model_copy(
        update={"steps": options.steps, "device": options.device, "workers": options.workers, "threads": 1, **quiet}
    )
    with tempfile.TemporaryDirectory() as folder:
        loop.train(options.cache / "train.h5", Path(folder) / "model.safetensors", bench.model, settings)
        log = pd.read_csv(Path(folder) / "train_log.csv")
    half = log.iloc[len(log) // 2 :]
    rate = (len(half) - 1) * options.batch / (half["seconds"].iloc[-1] - half["seconds"].iloc[0])
    return {"samples_per_second": round(rate, 2), "fashion_two_epochs_minutes": round(FASHION / rate / 60, 1)}


def measured(bench: Bench, options: argparse.Namespace) -> dict[str, dict]:
    variants = options.variants
    found = timed_on_cpu(bench, variants, options.steps) if options.device == "cpu" else {}
    name = torch.cuda.get_device_name() if options.device == "cuda" else ""
    peak = next((value for card, value in PEAKS.items() if card in name), None)
    for variant in variants:
        figures = found.get(variant) or timed_on_gpu(bench, variant, options.steps)
        work = bench.operations(variant)
        figures |= {
            "samples_per_second": options.batch / figures["step_s"],
            "tflop": work / 1e12,
            "tflops": work / figures["step_s"] / 1e12,
        }
        if peak:
            figures["of_peak"] = work / figures["step_s"] / peak
        found[variant] = figures
        print(json.dumps({variant: rounded(figures)}), flush=True)
    for figures in found.values():
        figures |= {f"times_{peer}": found[peer]["step_s"] / figures["step_s"] for peer in PEERS if peer in found}
    return {name: rounded(figures) for name, figures in found.items()}


def rounded(figures: dict) -> dict:
    return {name: float(f"{value:.4g}") for name, value in figures.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, help="checkout of the official repository")
    parser.add_argument("--preset", choices=list(PRESETS), default="paper")
    parser.add_argument("--backward", choices=["sample", "frame"], default="sample", help="a backward pass for all frames, or for each")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--ngf", type=int, default=64, help="of the generator's and the discriminator's first layer")
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--variants", type=lambda text: text.split(","), help=f"of {', '.join(PEERS + MEASURES)}")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="loader processes with --cache")
    options = parser.parse_args()
    if options.device == "cpu":
        torch.set_num_threads(1)
    chosen = options.variants or (ON_CPU if options.device == "cpu" else PEERS + MEASURES)
    options.variants = [name for name in chosen if options.official or name not in PEERS]
    bench = Bench(options)
    result = {"date": datetime.date.today().isoformat(), "torch": torch.__version__}
    result["device"] = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    result |= {name: getattr(options, name) for name in ("preset", "backward", "size", "batch", "ngf", "blocks", "steps")}
    result["targets"] = bench.settings.targets
    result["losses_ours_and_official"] = bench.equal_losses() if options.official else "no official checkout"
    result["variants"] = measured(bench, options)
    if options.cache:
        result["train"] = trained(options, bench)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
