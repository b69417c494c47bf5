"""What the first process of a training writes and says: log, pictures, states, progress."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from densepose_cache.core.progress import Bar

from ..config import ModelSettings, TrainSettings
from ..model.build import AnyGenerator
from ..model.checkpoint import DISCRIMINATOR_NAME, save_model
from ..model.discriminator import MultiscaleDiscriminator
from ..model.warping import warp
from .checkpoints import prune_states, random_states, save_state, states_folder
from .data import Batch
from .distributed import Group
from .loss_guard import LossGuard
from .step import Networks
from .train_log import TrainLog

Found = tuple[Path, dict[str, Any]]
"""A state and where it lies."""


@dataclass(frozen=True)
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

    def due(self, step: int) -> bool:
        """Whether a state or a picture is due after `step` steps."""
        return step == self.steps or any(step % every == 0 for every in (self.settings.save_every, self.settings.picture_every))

    def write(self, generator: AnyGenerator, discriminator: MultiscaleDiscriminator | None, precision: str):
        """Write the model, last, and the discriminator, if there is one; `precision` is what they were trained in."""
        facts = {"fingerprint": self.fingerprint, "steps": self.steps, "size": self.size, "train": self.settings.model_dump()}
        facts["precision"] = precision
        discriminator_file = self.out.with_name(DISCRIMINATOR_NAME)
        if discriminator:
            save_model(discriminator_file, discriminator, facts)
        else:
            discriminator_file.unlink(missing_ok=True)
        save_model(self.out, generator, facts)


class Recorder:
    """Records a training that starts, or goes on from the state `found`. Use as a context manager.

    Raises InputError where the disk is full.
    """

    def __init__(self, run: Run, nets: Networks, guard: LossGuard, group: Group, found: Found | None):
        self.run, self.nets, self.guard = run, nets, guard
        self._kept: list[Path] = [found[0]] if found else []
        self._saved: int | None = found[1]["step"] if found else None
        start = self._saved or 0
        memory = found[1]["log"] if found else None
        self._log = TrainLog(run.out.parent, run.fingerprint, start, run.settings.batch, group.fabric.device, memory)
        self._precision = group.precision
        self._bar = Bar("train", run.steps, start, unit="steps")

    def __enter__(self) -> "Recorder":
        self._bar.__enter__()
        return self

    def __exit__(self, *error):
        self._log.close()
        self._bar.__exit__(*error)

    def step(self, step: int, rate: float, batch: Batch, losses: dict[str, float], frames: Tensor):
        """Record a finished step; write a row, a picture and a state where they are due."""
        settings, last = self.run.settings, step == self.run.steps
        self._log.add(losses)
        if step % settings.log_every == 0 or last:
            self._log.row(step, rate)
        if step % settings.picture_every == 0 or last:
            self._log.picture(step, sample_picture(batch, frames, self.run.model.padding_mode))
        if step % settings.save_every == 0 or last:
            self.save(step)
        self._bar.advance(text=f"{self._precision} | {self._log.text(step, losses)}")

    def save(self, step: int) -> Path | None:
        """Save the state after `step` steps, unless it is saved already; only the last two stay. Before the first step there is none."""
        if step and self._saved != step:
            self._kept.append(save_state(self.run.states, self._state(step)))
            self._saved = step
            prune_states(self.run.states, self._kept)
            self._log.take_place()
        return self._kept[-1] if step else None

    def _state(self, step: int) -> dict[str, Any]:
        """All that a resume needs. The position in the order of samples and the learning rate follow from the step."""
        nets = self.nets
        return {
            "fingerprint": self.run.fingerprint,
            "precision": self._precision,
            "step": step,
            "generator": nets.generator.state_dict(),
            "critic": nets.discriminator.state_dict() if nets.discriminator else None,
            "optimizers": [optimizer.state_dict() for optimizer in nets.optimizers],
            "random": random_states(),
            "totals": list(self.guard.totals),
            "log": self._log.memory(),
        }


def sample_picture(batch: Batch, frames: Tensor, padding_mode: str) -> Tensor:
    """First sample of a batch, one row a target: source | driving IUV | coarse warp | generated | real. (3, T * H, 5 * W) uint8 on the CPU.

    `frames` (T, B, 3, H, W) are the generated ones, in [-1, 1].
    """
    source = batch.source[:1].expand(len(frames), -1, -1, -1)
    warped = warp(source, batch.source_grid[:, 0], padding_mode, "nearest")
    columns = torch.cat((source, batch.iuv[:, 0], warped, frames[:, 0], batch.real[:, 0]), dim=3)
    bytes_ = ((columns + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return torch.cat(list(bytes_), dim=1).cpu()
