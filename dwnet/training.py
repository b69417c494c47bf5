"""Training (paper, sections 3.2 and 4.3): a plain loop over batches that can stop at any step and go on as if it had not."""

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric

from densepose_cache.errors import InputError
from densepose_cache.progress import Bar

from .checkpoint import CRITIC_NAME, save_model
from .config import ModelSettings, TrainSettings
from .data import BatchOrder, SampleDataset, batches, to_device_batch
from .devices import fabric_precision, pick_device, set_threads
from .discriminator import MultiscaleDiscriminator
from .features import load_features
from .generator import Generator
from .pictures import sample_picture
from .schedule import learning_rate, total_steps
from .states import fingerprint, latest_state, prune_states, random_states, restore_random_states, save_state, states_folder
from .step import Networks, NotFinite, TrainStep
from .train_log import TrainLog

STOPPED = 75
"""Exit code of a training that saved its state on SIGTERM or SIGUSR1: start it again and it goes on."""


def train(
    train_h5: Path,
    samples_csv: Path,
    out: Path,
    model: ModelSettings,
    settings: TrainSettings,
    weights: Path = Path("weights"),
):
    """Train a model on the samples of a cache and write it to `out`, the critic beside it.

    Goes on from the newest state in `out`'s folder that has the same fingerprint; a finished one is written out at once. `weights` is the
    folder with VGG-19's weights. SIGTERM and SIGUSR1 save a state and exit with code 75. Raises InputError for wrong input and where
    a loss is no longer finite.
    """
    out = Path(out)
    data = SampleDataset(train_h5, samples_csv, settings.targets)
    steps = total_steps(settings, [len(epoch) for epoch in data.epochs])
    run = Run(out, model, settings, fingerprint(model, settings, data.digest), steps, data.reader.size)
    found = latest_state(run.states, run.fingerprint)
    start = found[1]["step"] if found else 0
    if start == run.steps:
        run.write(*load_networks(model, found[1]))
        return

    set_threads(settings.threads)
    device = pick_device(settings.device)
    fabric = Fabric(accelerator=device.type, devices=1, precision=fabric_precision(settings.precision, device))
    torch.manual_seed(settings.seed)
    nets = build_networks(model, settings, weights, fabric.device)
    if found:
        restore(nets, found[1])
    kept = [found[0]] if found else []
    order = BatchOrder(data.epochs, settings.batch, settings.seed, start, run.steps)
    loader = batches(data, order, settings.workers, pin=fabric.device.type == "cuda")
    step_networks = TrainStep(nets, model, settings, fabric)
    log = TrainLog(out.parent, start, found[1]["log"] if found else None)

    with contextlib.closing(log), Bar("train", run.steps, start) as bar, stop_signals() as stopped:
        for step, raw in enumerate(loader, start + 1):
            rate = learning_rate(step - 1, run.steps, settings)
            nets.set_learning_rate(rate)
            batch = to_device_batch(raw, fabric.device)
            try:
                losses, frames = step_networks(batch)
            except NotFinite as error:
                path = save_state(run.states, run.state(nets, step - 1, log))
                raise InputError(
                    f"training stopped at step {step}: {error} (clips {', '.join(batch.clips)}); the state before it is {path}. "
                    "Lower train.learning_rate, or set train.precision to fp32, and start again"
                ) from None
            log.add(losses)
            if step % settings.log_every == 0 or step == run.steps:
                log.row(step, rate)
            if step % settings.picture_every == 0 or step == run.steps:
                log.picture(step, sample_picture(batch, frames, model.padding_mode))
            if step % settings.save_every == 0 or step == run.steps or stopped:
                kept.append(save_state(run.states, run.state(nets, step, log)))
                prune_states(run.states, kept)
            bar.advance(text=log.text(step, settings.batch, losses))
            if stopped and step < run.steps:
                raise SystemExit(STOPPED)
    run.write(nets.generator, nets.critic)


@dataclass
class Run:
    """What stays the same through a training and its resumes."""

    out: Path
    model: ModelSettings
    settings: TrainSettings
    fingerprint: str
    steps: int
    size: int
    """Side of the frames in pixels."""

    @property
    def states(self) -> Path:
        return states_folder(self.out)

    def state(self, nets: Networks, step: int, log: TrainLog) -> dict[str, Any]:
        """All that a resume needs. The position in the order of samples and the learning rate follow from the step."""
        return {
            "fingerprint": self.fingerprint,
            "step": step,
            "generator": nets.generator.state_dict(),
            "critic": nets.critic.state_dict() if nets.critic else None,
            "optimizers": [optimizer.state_dict() for optimizer in nets.optimizers],
            "random": random_states(),
            "log": log.memory(),
        }

    def write(self, generator: Generator, critic: MultiscaleDiscriminator | None):
        """Write the model, last, and the critic, if there is one."""
        facts = {"fingerprint": self.fingerprint, "steps": self.steps, "size": self.size, "train": self.settings.model_dump()}
        critic_file = self.out.with_name(CRITIC_NAME)
        if critic:
            save_model(critic_file, critic, facts)
        else:
            critic_file.unlink(missing_ok=True)
        save_model(self.out, generator, facts)


def build_networks(model: ModelSettings, settings: TrainSettings, weights: Path, device: torch.device) -> Networks:
    """Fresh networks and optimisers on `device`: a critic only where a loss needs it, feature network likewise."""
    losses = settings.losses
    features = load_features(settings.features, weights).to(device) if losses.perceptual or (losses.warp and model.refine) else None
    generator = Generator(model).to(device)
    critic = MultiscaleDiscriminator(model).to(device) if losses.gan or losses.feature_matching else None

    def adam(module):
        return torch.optim.Adam(module.parameters(), lr=settings.learning_rate, betas=settings.betas, fused=True)

    return Networks(generator, adam(generator), critic, adam(critic) if critic else None, features)


def load_networks(model: ModelSettings, state: dict[str, Any]) -> tuple[Generator, MultiscaleDiscriminator | None]:
    """Generator and critic of a state, on the CPU."""
    generator = Generator(model)
    generator.load_state_dict(state["generator"])
    if state["critic"] is None:
        return generator, None
    critic = MultiscaleDiscriminator(model)
    critic.load_state_dict(state["critic"])
    return generator, critic


def restore(nets: Networks, state: dict[str, Any]):
    """Set networks, optimisers and random generators to a state."""
    nets.generator.load_state_dict(state["generator"])
    if nets.critic:
        nets.critic.load_state_dict(state["critic"])
    for optimizer, saved in zip(nets.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    restore_random_states(state["random"])


@contextlib.contextmanager
def stop_signals() -> Iterator[list[int]]:
    """A list that SIGTERM and SIGUSR1 fill, so that the loop can end between two steps."""
    received: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: received.append(number)) for number in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
