"""One training step: generate the frames of a sample, then update critic and generator (paper, section 3.2).

T targets a sample, B samples a batch. `update: sample` makes one update from the summed losses of all T frames, which go through critic and
feature network in one call; `update: frame` makes one after each frame.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from .config import ModelSettings, TrainSettings
from .data import Batch
from .discriminator import MultiscaleDiscriminator
from .features import Features
from .generator import Generated, Generator
from .group import Group
from .losses import adversarial, critic_losses, feature_matching, warp_loss
from .stability import check


@dataclass
class Networks:
    """All that a step computes with. Without adversarial losses there is no critic, without perceptual ones there are no features."""

    generator: Generator
    generator_optimizer: Optimizer
    critic: MultiscaleDiscriminator | None
    critic_optimizer: Optimizer | None
    features: Features | None

    @property
    def optimizers(self) -> list[Optimizer]:
        return [self.generator_optimizer, *([self.critic_optimizer] if self.critic_optimizer else [])]

    @property
    def parameters(self) -> list[Parameter]:
        """All that learns."""
        return [*self.generator.parameters(), *(self.critic.parameters() if self.critic else [])]

    def set_learning_rate(self, rate: float):
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate


def generate(generator: Generator, batch: Batch, targets: range, previous: Tensor | None, detach: bool) -> list[Generated]:
    """Eq. 2 and 3: frames `targets` of the batch, each from the generated one before it.

    `previous` (B, 3, H, W) is the frame before the first; the first frame of a sample has none, there the source stands in. With `detach`
    no gradient passes through a previous frame.
    """
    source_features = generator.appearance(batch.source)
    results = []
    for t in targets:
        source_grid = batch.source_grid[t]
        if previous is None:
            image, grid = batch.source, source_grid
        else:
            image, grid = previous.detach() if detach else previous, batch.previous_grid[t]
        results.append(generator(batch.iuv[t], batch.source, image, source_grid, grid, source_features, *batch.visible(t)))
        previous = results[-1].frame.float()
    return results


class TrainStep:
    """Updates all networks by a batch, of which each process of `group` has its share."""

    def __init__(self, nets: Networks, model: ModelSettings, settings: TrainSettings, group: Group):
        self.nets, self.model, self.settings, self.group = nets, model, settings, group

    def __call__(self, batch: Batch, limit: float = math.inf) -> tuple[dict[str, float], Tensor]:
        """Losses by their names in the log, means over frames and the whole batch, and the generated frames (T, B, 3, H, W) of the share.

        Raises NotFinite before the update that a NaN or infinite loss or gradient would spoil, and Exploded before that of a total above
        `limit`; in every process alike. With `update: frame` the frames before have made theirs.
        """
        every = range(len(batch.real))
        updates = [every] if self.settings.update == "sample" else [range(t, t + 1) for t in every]
        previous, logs, frames = None, [], []
        for targets in updates:
            with self.group.fabric.autocast():
                results = generate(self.nets.generator, batch, targets, previous, self.settings.detach_previous)
                losses = self.losses(batch, targets, results, previous)
            logs.append(self._update(losses, len(targets), limit))
            frames += [result.frame.detach().float() for result in results]
            previous = frames[-1]
        return {name: sum(log[name] for log in logs) / len(logs) for name in logs[0]}, torch.stack(frames)

    def losses(self, batch: Batch, targets: range, results: list[Generated], previous: Tensor | None) -> dict[str, Tensor]:
        """Scalars float32, means over all frames: the generator's losses that have a weight, and the critic's."""
        weights, nets, found = self.settings.losses, self.nets, {}
        fake = torch.cat([result.frame for result in results])
        iuv, real = (part[targets.start : targets.stop].flatten(0, 1) for part in (batch.iuv, batch.real))
        if nets.critic:
            fake_features, real_features = nets.critic(iuv, fake), nets.critic(iuv, real)
            if weights.gan:
                found["gan"] = adversarial(fake_features)
            if weights.feature_matching:
                found["feature_matching"] = feature_matching(fake_features, real_features)
            found |= critic_losses(fake_features, real_features)
        if weights.perceptual:
            with torch.no_grad():
                wanted = nets.features.taps(real)
            found["perceptual"] = nets.features.distance(nets.features.taps(fake), wanted)
        if weights.warp and self.model.refine:
            found["warp"] = self._warp_loss(batch, results, real, previous)
        if weights.l1:
            found["l1"] = F.l1_loss(fake.float(), real)
        return found

    def _warp_loss(self, batch: Batch, results: list[Generated], real: Tensor, previous: Tensor | None) -> Tensor:
        source = batch.source.repeat(len(results), 1, 1, 1)
        before = [batch.source if previous is None else previous, *(result.frame.detach().float() for result in results[:-1])]
        before = torch.cat(before) if self.model.previous else source
        source_grid = torch.cat([result.source_grid for result in results])
        previous_grid = torch.cat([result.previous_grid for result in results])
        return warp_loss(self.nets.features, source, before, real, source_grid, previous_grid, self.model.padding_mode)

    def backward(self, losses: dict[str, Tensor], frames: int) -> Tensor:
        """Gradients of the losses summed over `frames` frames (Eq. 7); the generator's total, a mean over frames, comes back.

        The critic's pass over the generated frames serves both networks: each backward pass computes the gradients of its own weights only.
        """
        nets, weights = self.nets, self.settings.losses
        total = sum(getattr(weights, name) * loss for name, loss in losses.items() if not name.startswith("critic_"))
        (frames * total).backward(inputs=list(nets.generator.parameters()), retain_graph=nets.critic is not None)
        if nets.critic:
            critic_loss = (losses["critic_fake"] + losses["critic_real"]) / 2
            (frames * critic_loss).backward(inputs=list(nets.critic.parameters()))
        return total

    def _update(self, losses: dict[str, Tensor], frames: int, limit: float) -> dict[str, float]:
        """One update; generator and critic both see the other as it was before."""
        nets = self.nets
        total = self.backward(losses, frames)
        self.group.average_gradients(nets.parameters)
        gradient = get_total_norm([parameter.grad for parameter in nets.parameters if parameter.grad is not None])
        names = ["total", *(f"perceptual_{nets.features.name}" if name == "perceptual" else name for name in losses), "gradient"]
        numbers = self.group.average(torch.stack([total, *losses.values(), gradient]).detach()).tolist()
        values = dict(zip(names, numbers, strict=True))
        check(values, limit)
        del values["gradient"]
        for optimizer in nets.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return values
