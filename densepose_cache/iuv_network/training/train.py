"""Train the IUV network: `python -m densepose_cache.iuv_network.training.train`. Goes on where a run that was stopped had come to."""

import argparse
import copy
import math
import sys
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from ...core.errors import InputError
from ...rendered.backgrounds import draw_backgrounds
from ...storage.atomic import written_whole
from ...storage.digest import file_sha256
from ..encoder import load_imagenet
from ..model import PARTS, IuvNetwork
from ..weights import load_weights, read_record, save_weights
from .batches import Batches, IuvBatch, part_shares
from .cutouts import CutOuts, Request, render_set
from .losses import losses, part_weights, to_input, total
from .score import check_batches, score
from .unfold import unfolded

KEEP_EVERY, SCORE_EVERY, LOG_EVERY, AVERAGE_EVERY = 100, 500, 20, 5
SETTLE, SETTLE_A_LITTLE = 200, 20
"""Batches from which the norms of the finished network take their statistics, and of the network on the way."""
CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Training:
    """All that the weights depend on beside the data's and the program's code."""

    people: int = 1500
    frames: int = 14
    backgrounds: int = 700
    seed: int = 1
    processes: int = 1
    """So many learn side by side, each from batches of its own; every `AVERAGE_EVERY` steps all take on the mean of their weights."""
    batch: int = 8
    small_steps: int = 4000
    large_steps: int = 1000
    warm_up: int = 100
    cool_down: int = 1400
    """The last steps, over which the learning rate falls to nothing."""
    frozen_blocks: int = 3
    """The encoder's stem and this many first blocks stay as ImageNet made them."""
    encoder_rate: float = 4e-4
    decoder_rate: float = 2e-3
    weight_decay: float = 1e-3
    clip: float = 5.0

    @property
    def steps(self) -> int:
        return self.small_steps + self.large_steps

    def rate(self, step: int) -> float:
        """Factor of the learning rates: a short rise, a plateau, a fall along a cosine."""
        left = min(1.0, (self.steps - step) / max(1, self.cool_down))
        return min(1.0, (step + 1) / max(1, self.warm_up)) * (0.5 - 0.5 * math.cos(math.pi * left))


class Trainer:
    """The network, its optimiser and the number of steps taken."""

    def __init__(self, training: Training, weights: torch.Tensor):
        torch.manual_seed(training.seed)
        self.training, self.weights, self.step = training, weights, 0
        self.begun_with: str | None = None
        self.network = IuvNetwork()
        load_imagenet(self.network.encoder)
        self.network.to(memory_format=torch.channels_last)
        for layer in (self.network.encoder.stem, *self.network.encoder.blocks[: training.frozen_blocks]):
            layer.requires_grad_(False)
        learning = {name: parameter for name, parameter in self.network.named_parameters() if parameter.requires_grad}
        groups = [
            {"params": [value for name, value in learning.items() if name.startswith("encoder.")], "base": training.encoder_rate},
            {"params": [value for name, value in learning.items() if not name.startswith("encoder.")], "base": training.decoder_rate},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=training.encoder_rate, weight_decay=training.weight_decay)

    def begin_with(self, start: Path, images: Iterable[torch.Tensor]):
        """Take over the weights in the file `start`; `images` as `unfolded` takes them."""
        self.network.load_state_dict(unfolded(load_weights(start), images).state_dict())
        self.begun_with = file_sha256(start)

    def learn(self, batch: IuvBatch) -> dict[str, float]:
        """One step; returns the losses before it."""
        self.network.train()
        for group in self.optimiser.param_groups:
            group["lr"] = group["base"] * self.training.rate(self.step)
        found = losses(self.network(to_input(batch.images)), batch.half, batch.quarter, self.weights)
        self.optimiser.zero_grad()
        total(found).backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.training.clip)
        self.optimiser.step()
        self.step += 1
        return {name: value.item() for name, value in found.items()}

    def keep(self, path: Path):
        """Write everything that a later run needs to go on."""
        with written_whole(path) as temporary:
            state = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}
            torch.save(state | {"step": self.step, "begun_with": self.begun_with}, temporary)

    def go_on(self, path: Path):
        """Take over what `keep` wrote."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        for group, base in zip(self.optimiser.param_groups, (self.training.encoder_rate, self.training.decoder_rate), strict=True):
            group["base"] = base
        self.step, self.begun_with = state["step"], state["begun_with"]


def train(training: Training, folder: Path, out: Path | None, workers: int, threads: int, start: Path | None = None) -> dict[str, float]:
    """Render the people, train, write the weights to `out` and return their figures on the fixed set.

    Begins with ImageNet's weights, or with those of an earlier training in the file `start`. Raises InputError if the settings leave nobody
    or nothing to learn, or if `start` is missing or has no weights of this network.
    """
    if start:
        load_weights(start)
    if min(training.people, training.frames, training.backgrounds, training.batch, training.processes, training.steps) < 1:
        raise InputError(f"training needs people, frames, backgrounds, a batch, a process and steps, at least 1 each: {training}")
    request = Request("train", training.people, training.frames, training.seed)
    digest = render_set(request, folder, workers)
    pool = folder / f"backgrounds-{training.backgrounds}-{training.seed}.npy"
    if not pool.is_file():
        with written_whole(pool) as temporary, temporary.open("wb") as file:
            np.save(file, draw_backgrounds(training.backgrounds, training.seed))
    check_batches(folder)
    meeting = folder / "meeting"
    meeting.unlink(missing_ok=True)
    what = (training, folder, request, pool, meeting, threads, start)
    if training.processes > 1:
        torch.multiprocessing.spawn(learn, what, training.processes)
    else:
        learn(0, *what)
    trainer = Trainer(training, torch.ones(PARTS))
    trainer.go_on(folder / CHECKPOINT)
    last = training.steps * training.processes
    network = settled(trainer.network, make_batches(training, CutOuts(request, folder), pool), range(last, last + SETTLE))
    figures = score(network, check_batches(folder))
    if out:
        save_weights(network, out, asdict(training), digest, figures, trainer.begun_with)
    return figures


def make_batches(training: Training, cutouts: CutOuts, pool: Path) -> Batches:
    """The batches of a training from people and the file of backgrounds `pool`."""
    small = training.small_steps * training.processes
    return Batches(cutouts, np.load(pool, mmap_mode="r"), training.batch, small, training.seed)


@torch.no_grad()
def settled(network: IuvNetwork, batches: Batches, numbers: range) -> IuvNetwork:
    """A copy whose norms have the mean statistics of the batches `numbers`.

    Those that a norm gathers while it learns follow the last batches, of few pictures of one shape; with them the network drew worse by a
    quarter (mean intersection over union of the parts), and now and then nothing that was right.
    """
    copied = copy.deepcopy(network).train()
    for norm in copied.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None
    for number in numbers:
        copied(to_input(batches[number].images))
    return copied


def learn(rank: int, training: Training, folder: Path, request: Request, pool: Path, meeting: Path, threads: int, start: Path | None):
    """One of the processes: trains to the end and keeps a checkpoint now and then."""
    torch.set_num_threads(threads)
    cutouts = CutOuts(request, folder)
    trainer = Trainer(training, part_weights(part_shares(cutouts)))
    batches = make_batches(training, cutouts, pool)
    if (folder / CHECKPOINT).is_file():
        trainer.go_on(folder / CHECKPOINT)
    elif start:
        trainer.begin_with(start, (to_input(batches[number].images) for number in range(SETTLE_A_LITTLE)))
    if training.processes > 1:
        torch.distributed.init_process_group("gloo", f"file://{meeting.resolve()}", rank=rank, world_size=training.processes)
    numbers = range(trainer.step * training.processes + rank, training.steps * training.processes, training.processes)
    loader = DataLoader(batches, batch_size=None, sampler=numbers, num_workers=1, prefetch_factor=4, worker_init_fn=one_thread)
    run(trainer, loader, check_batches(folder) if rank == 0 else None, folder / CHECKPOINT)


def one_thread(_: int):
    """A worker that makes batches computes on one core."""
    torch.set_num_threads(1)


@torch.no_grad()
def average(network: IuvNetwork):
    """Give all processes the mean of their weights and of their norms' statistics."""
    values = [value for value in network.state_dict().values() if value.is_floating_point()]
    flat = torch.cat([value.reshape(-1) for value in values])
    torch.distributed.all_reduce(flat)
    parts = (flat / torch.distributed.get_world_size()).split([value.numel() for value in values])
    for value, mean in zip(values, parts, strict=True):
        value.copy_(mean.view_as(value))


def run(trainer: Trainer, loader: DataLoader, check: list[IuvBatch] | None, kept: Path):
    """Learn from all batches of `loader`; the process with the fixed set `check` keeps the checkpoint and prints figures now and then."""
    recent, started, seen, processes = deque(maxlen=100), time.monotonic(), 0, trainer.training.processes
    for batch in loader:
        recent.append(trainer.learn(batch))
        seen += len(batch.images) * processes
        step = trainer.step
        last = step == trainer.training.steps
        if processes > 1 and (step % AVERAGE_EVERY == 0 or last):
            average(trainer.network)
        if check is None:
            continue
        if step % LOG_EVERY == 0:
            means = " ".join(f"{name} {np.mean([found[name] for found in recent]):.4f}" for name in recent[-1])
            print(f"step {step} {means} | {seen / (time.monotonic() - started):.1f} pictures a second", flush=True)
        if step % KEEP_EVERY == 0 or last:
            trainer.keep(kept)
        if step % SCORE_EVERY == 0:
            network = settled(trainer.network, loader.dataset, range(step * processes, step * processes + SETTLE_A_LITTLE))
            print(f"step {step} " + " ".join(f"{name} {value:.3f}" for name, value in score(network, check).items()), flush=True)


def main(arguments: list[str]):
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m densepose_cache.iuv_network.training.train", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("data/iuv-network"), help="rendered people and checkpoints")
    parser.add_argument("--out", type=Path, default=None, help="weights file to write, .safetensors; its record lies beside it")
    parser.add_argument("--start", type=Path, default=None, help="weights file to begin with instead of ImageNet's weights")
    parser.add_argument("--workers", type=int, default=1, help="processes that render people")
    parser.add_argument("--threads", type=int, default=1, help="threads of each process that trains")
    parser.add_argument("--like-record", action="store_true", help="settings that are not given come from the shipped record")
    for name, value in asdict(Training()).items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(value), default=value)
    if "--like-record" in arguments:
        parser.set_defaults(**read_record()["training"])
    options = vars(parser.parse_args(arguments))
    options.pop("like_record")
    folder, out, workers, threads, start = (options.pop(name) for name in ("folder", "out", "workers", "threads", "start"))
    try:
        print(train(Training(**options), folder, out, workers, threads, start))
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
