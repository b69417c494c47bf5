"""What a training step costs, counted without computing it: on tensors that have shapes and types but no memory."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from .config import ModelSettings, TrainSettings
from .data import Batch
from .group import alone
from .step import Networks, TrainStep
from .warping import cached_identity


@dataclass(frozen=True)
class StepCost:
    """Cost of a step on one device."""

    operations: int
    """Floating-point operations of convolutions, forward and backward; a multiplication and an addition are two."""
    weights: int
    """Bytes of weights, their gradients and Adam's two moments, and of the feature network."""
    activations: int
    """Bytes of the batch, and of what the backward pass needs of the forward pass; not what single operations need while they run."""


def step_cost(nets: Networks, model: ModelSettings, settings: TrainSettings, samples: int, size: int, precision: str) -> StepCost:
    """Count a step of `samples` samples with frames of `size` x `size` pixels; `precision` as Lightning calls it. `nets` lie on the CPU."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    generator, critic, features = (_without_memory(module, mode) for module in (nets.generator, nets.critic, nets.features))
    cached_identity.cache_clear()
    try:
        with mode, FlopCounterMode(display=False) as counter:
            batch = _batch(settings.targets, samples, size, model)
            step = _Counted(Networks(generator, None, critic, None, features), model, settings, alone(torch.device("cpu"), precision))
            with torch.autograd.graph.saved_tensors_hooks(step.keep, lambda tensor: tensor):
                step.run(batch)
    finally:
        cached_identity.cache_clear()
    weights = 4 * _bytes(nets.parameters) + (_bytes(nets.features.state_dict().values()) if nets.features else 0)
    tensors = [value for value in vars(batch).values() if isinstance(value, Tensor)]
    return StepCost(counter.get_total_flops(), weights, _bytes(tensors) + step.peak)


class _Counted(TrainStep):
    """A step that notes how much it keeps for the backward pass, and updates nothing."""

    def __init__(self, nets: Networks, *arguments):
        super().__init__(nets, *arguments)
        modules = [module for module in (nets.generator, nets.critic, nets.features) if module]
        self._known = {tensor.untyped_storage()._cdata for module in modules for tensor in module.state_dict().values()}
        self._kept: dict[int, Tensor] = {}
        self.peak = 0

    def keep(self, tensor: Tensor) -> Tensor:
        self._kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    def _update(self, losses: dict[str, Tensor], frames: int) -> Tensor:
        kept = sum(tensor.untyped_storage().nbytes() for key, tensor in self._kept.items() if key not in self._known)
        self.peak = max(self.peak, kept)
        self.backward(losses, frames)
        self._kept.clear()
        return torch.empty(0)


def _batch(targets: int, samples: int, size: int, model: ModelSettings) -> Batch:
    frames, grids = (targets, samples, 3, size, size), (targets, samples, size, size, 2)
    copies = model.generator == "compose"
    more = {f"{name}_visible": torch.empty(grids[:-1], dtype=torch.bool) for name in ("source", "previous") if model.visibility or copies}
    if copies:
        more |= {name: torch.empty(grids[:-1]) for name in ("source_distance", "previous_distance", "smooth_distance", "edge")}
        more["smooth_grid"] = torch.empty(grids)
        more |= {name: torch.empty(frames[1:]) for name in ("plate", "source_iuv")}
    colours = torch.empty(frames[1:]), torch.empty(frames), torch.empty(frames)
    return Batch([], *colours, torch.empty(grids), torch.empty(grids), **more)


def _without_memory(module: nn.Module | None, mode: FakeTensorMode) -> nn.Module | None:
    """A copy whose weights are of `mode`."""
    if module is None:
        return None
    module = copy.deepcopy(module)
    for part in module.modules():
        for name, weight in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(mode.from_tensor(weight.detach()), weight.requires_grad))
    return module


def _bytes(tensors) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
