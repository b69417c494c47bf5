"""One training step: generate the frames of a sample, then update discriminator and generator (paper, section 3.2).

T targets a sample, B samples a batch. `update: sample` makes one update from the summed losses of all T frames, `update: frame` one after
each frame. The frames of an update go through discriminator and feature network in one call and have one backward pass; with `backward:
frame` each has its own, so that only one frame's activations are kept at a time.

Nothing here waits for the device: whether a loss may be learned from is decided there (the update is left out where it may not), and
what a step came to is read when the host asks for it (`Outcome`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import Parameter
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from ..config import ModelSettings, TrainSettings
from ..model.build import AnyGenerator
from ..model.discriminator import MultiscaleDiscriminator
from ..model.generator import Generated
from ..model.perceptual import Features
from ..model.prepared import Prepared
from .data import Batch
from .distributed import Group
from .loss_guard import check
from .losses import adversarial, discriminator_losses, feature_matching, masks, pixel_losses, warp_loss


class Outcome:
    """Numbers (updates, names) of a step that may still be under way, and the frames (T, B, 3, H, W) that it generates.

    The way of the numbers to the host begins at once. The frames may be overwritten by the next step.
    """

    def __init__(self, names: list[str], numbers: Tensor, frames: Tensor, limit: float):
        self.names, self.frames = names, frames
        self.limit = float(torch.tensor(limit))
        """As the device has it, in float32."""
        self._numbers = numbers.to("cpu", non_blocking=True)
        self._there = torch.cuda.Event(blocking=True) if numbers.is_cuda else None
        if self._there:
            self._there.record()

    def read(self) -> dict[str, float]:
        """Losses by their names in the log, means over frames and the whole batch.

        Raises NotFinite or Exploded for the first update that was not made because of its loss or gradient.
        """
        if self._there:
            self._there.synchronize()
        rows = [dict(zip(self.names, row, strict=True)) for row in self._numbers.tolist()]
        for row in rows:
            check(row, self.limit)
        return {name: sum(row[name] for row in rows) / len(rows) for name in self.names if name != "gradient"}


@dataclass
class Networks:
    """All that a step computes with. Without adversarial losses there is no discriminator, without perceptual ones there are no
    features."""

    generator: AnyGenerator
    generator_optimizer: Optimizer
    discriminator: MultiscaleDiscriminator | None
    discriminator_optimizer: Optimizer | None
    features: Features | None

    @property
    def optimizers(self) -> list[Optimizer]:
        return [self.generator_optimizer, *([self.discriminator_optimizer] if self.discriminator_optimizer else [])]

    @property
    def parameters(self) -> list[Parameter]:
        """All that learns."""
        return [*self.generator.parameters(), *(self.discriminator.parameters() if self.discriminator else [])]

    def set_learning_rate(self, rate: float):
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate)
                else:
                    group["lr"] = rate


def generate(
    generator: AnyGenerator, prepared: Prepared, batch: Batch, targets: range, previous: Tensor | None, detach: bool
) -> list[Generated]:
    """Eq. 2 and 3: frames `targets` of the batch, each from the generated one before it.

    `prepared` is what they share of the source. `previous` (B, 3, H, W) is the frame before the first; the first frame of a sample has
    none, there the source stands in. With `detach` no gradient passes through a previous frame.
    """
    results = []
    for t in targets:
        source_grid = batch.source_grid[t]
        if previous is None:
            image, grid = batch.source, source_grid
        else:
            image, grid = previous.detach() if detach else previous, batch.previous_grid[t]
        results.append(generator(batch.iuv[t], batch.source, image, source_grid, grid, prepared.at(**batch.frame(t))))
        previous = results[-1].frame.float()
    return results


class TrainStep:
    """Updates all networks by a batch, of which each process of `group` has its share. The optimisers must be fused ones."""

    def __init__(self, nets: Networks, model: ModelSettings, settings: TrainSettings, group: Group):
        self.nets, self.model, self.settings, self.group = nets, model, settings, group
        self.compute_losses: Callable[..., dict[str, Tensor]] = self.losses
        """`losses`, or its compiled form."""
        self.names: list[str] = []
        """What the numbers of an update are, from the first step on."""
        self.broken = torch.zeros((), device=group.fabric.device)
        """1 from the first loss on that must not be learned from, 0 before. No update is made then, this step's or a later one's."""
        self.limit = torch.full((), math.inf, device=group.fabric.device)
        """The largest total to learn from."""

    def __call__(self, batch: Batch, limit: float = math.inf) -> Outcome:
        """Start a step. Reading what comes back waits for it, and raises where a loss was not to be learned from: NaN, infinite, or a total
        above `limit`. In every process alike. Such an update is not made, and none after it; with `update: frame` the frames before have
        made theirs."""
        self.limit.fill_(limit)
        return Outcome(self.names, *self.run(batch), limit)

    def run(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The whole step on the device: numbers (updates, names), and the generated frames (T, B, 3, H, W) of this process's share."""
        every = range(len(batch.real))
        previous, numbers, frames = None, [], []
        for targets in [every] if self.settings.update == "sample" else _singly(every):
            counts = self._counts(batch.iuv[targets.start : targets.stop])
            passes = [targets] if self.settings.backward == "sample" else _singly(targets)
            prepared, shared = self.prepare(batch, apart=len(passes) > 1)
            found = []
            for part in passes:
                with self.group.fabric.autocast():
                    results = generate(self.nets.generator, shared, batch, part, previous, self.settings.detach_previous)
                    iuv, real = (value[part.start : part.stop].flatten(0, 1) for value in (batch.iuv, batch.real))
                    losses = self.compute_losses(results, iuv, real, batch.source, previous, counts)
                total = self.backward(losses, len(part))
                found.append(torch.stack([total, *losses.values()]).detach())
                frames += [result.frame.detach().float() for result in results]
                previous = frames[-1]
            if shared is not prepared:
                prepared.backward(shared)
            numbers.append(self.update(list(losses), torch.stack(found).mean(0)))
        return torch.stack(numbers), torch.stack(frames)

    def prepare(self, batch: Batch, apart: bool) -> tuple[Prepared, Prepared]:
        """What the frames of an update share of the source, and what they are given of it: the same, or with `apart` detached from it."""
        with self.group.fabric.autocast():
            prepared = self.nets.generator.prepare(batch.source, batch.plate, batch.source_iuv)
        return prepared, prepared.detached() if apart else prepared

    def _counts(self, iuv: Tensor) -> dict[str, Tensor]:
        """Pixels by which the losses that have a mask are divided, for maps (T, B, 3, H, W) of an update.

        A backward pass for one of its T frames, or a device, takes its share of them, so that pixels and not frames weigh alike.
        """
        passes = len(iuv) if self.settings.backward == "frame" else 1
        counts = {name: inside.sum() / passes for name, inside in masks(self.settings.losses, iuv).items()}
        if counts:
            counts = dict(zip(counts, self.group.average(torch.stack(list(counts.values()))), strict=True))
        return counts

    def losses(
        self, results: list[Generated], iuv: Tensor, real: Tensor, source: Tensor, previous: Tensor | None, counts: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Scalars float32, means over all T frames: the generator's losses that have a weight, and the discriminator's.

        `iuv` and `real` (T B, 3, H, W) belong to `results`; `source` (B, 3, H, W); `previous` likewise, the frame before the first, if any.
        `counts` is what losses with a mask are divided by. Gradients of the generator's losses go to the generator alone, those of the
        discriminator's to the discriminator alone.
        """
        weights, nets, found = self.settings.losses, self.nets, {}
        fake = torch.cat([result.frame for result in results])
        if nets.discriminator:
            seen = nets.discriminator(torch.cat((iuv, iuv)), torch.cat((fake.detach(), real)))
            fake_seen, real_seen = ([[layer.chunk(2)[k] for layer in scale] for scale in seen] for k in (0, 1))
            fixed = {name: weight.detach() for name, weight in nets.discriminator.named_parameters()}
            judged = functional_call(nets.discriminator, fixed, (iuv, fake))
            if weights.gan:
                found["gan"] = adversarial(judged)
            if weights.feature_matching:
                found["feature_matching"] = feature_matching(judged, real_seen)
            found |= discriminator_losses(fake_seen, real_seen)
        if weights.perceptual:
            with torch.no_grad():
                wanted = nets.features.taps(real)
            found["perceptual"] = nets.features.distance(nets.features.taps(fake), wanted)
        if weights.warp and self.model.refine:
            found["warp"] = self._warp_loss(results, real, source, previous)
        return found | pixel_losses(weights, fake.float(), real, iuv, counts)

    def _warp_loss(self, results: list[Generated], real: Tensor, source: Tensor, previous: Tensor | None) -> Tensor:
        before = [source if previous is None else previous, *(result.frame.detach().float() for result in results[:-1])]
        source = source.repeat(len(results), 1, 1, 1)
        before = torch.cat(before) if self.model.previous else source
        source_grid = torch.cat([result.source_grid for result in results])
        previous_grid = torch.cat([result.previous_grid for result in results])
        return warp_loss(self.nets.features, source, before, real, source_grid, previous_grid, self.model.padding_mode)

    def backward(self, losses: dict[str, Tensor], frames: int) -> Tensor:
        """Add the gradients of the losses summed over `frames` frames (Eq. 7), for generator and discriminator at once.

        The generator's total, a mean over frames, comes back.
        """
        weights = self.settings.losses
        total = sum(getattr(weights, name) * loss for name, loss in losses.items() if not name.startswith("critic_"))
        discriminator = (losses["critic_fake"] + losses["critic_real"]) / 2 if self.nets.discriminator else 0.0
        (frames * (total + discriminator)).backward()
        return total

    def update(self, losses: list[str], values: Tensor) -> Tensor:
        """One update; generator and discriminator both see the other as it was before. Returns the values of `names`.

        `values` are the total and the losses of these names, means over the frames of the update.
        """
        nets = self.nets
        self.group.average_gradients(nets.parameters)
        gradient = get_total_norm([parameter.grad for parameter in nets.parameters if parameter.grad is not None])
        named = (f"perceptual_{nets.features.name}" if name == "perceptual" else name for name in losses)
        self.names[:] = ["total", *named, "gradient"]
        numbers = self.group.average(torch.cat([values, gradient.detach()[None]]))
        good = torch.isfinite(numbers).all() & (numbers[0] <= self.limit)
        torch.maximum(self.broken, (~good).float(), out=self.broken)
        for optimizer in nets.optimizers:
            optimizer.found_inf = self.broken
            optimizer.step()
            optimizer.zero_grad()
        return numbers


def _singly(targets: range) -> list[range]:
    """The frames of `targets`, each by itself."""
    return [range(t, t + 1) for t in targets]
