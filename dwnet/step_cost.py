"""What a training step costs, counted without computing it: on tensors that have shapes and types but no memory."""

import copy
import weakref
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from .config import ModelSettings, TrainSettings
from .data import Batch
from .group import alone
from .model.prepared import Prepared
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
    """Bytes of the batch, and of what backward passes need of forward passes, at the moment where it is most; not what single operations
    need while they run."""


def step_cost(nets: Networks, model: ModelSettings, settings: TrainSettings, samples: int, size: int, precision: str) -> StepCost:
    """Count a step of `samples` samples with frames of `size` x `size` pixels; `precision` as Lightning calls it. `nets` lie on the CPU."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    generator, critic, features = (_without_memory(module, mode) for module in (nets.generator, nets.critic, nets.features))
    cached_identity.cache_clear()
    try:
        with mode, FlopCounterMode(display=False) as counter:
            batch = _batch(settings.targets, samples, size, model)
            step = _Counted(Networks(generator, None, critic, None, features), model, settings, alone(torch.device("cpu"), precision))
            with torch.autograd.graph.saved_tensors_hooks(step.keep, lambda kept: kept.tensor):
                step.run(batch)
    finally:
        cached_identity.cache_clear()
    weights = 4 * _bytes(nets.parameters) + (_bytes(nets.features.state_dict().values()) if nets.features else 0)
    tensors = [value for value in vars(batch).values() if isinstance(value, Tensor)]
    return StepCost(counter.get_total_flops(), weights, _bytes(tensors) + step.peak)


class _Kept:
    """A tensor that a graph keeps for its backward pass, as long as it does."""

    def __init__(self, tensor: Tensor):
        self.tensor = tensor


class _Counted(TrainStep):
    """A step that notes how much is kept when a backward pass begins, and updates nothing."""

    def __init__(self, nets: Networks, *arguments):
        super().__init__(nets, *arguments)
        modules = [module for module in (nets.generator, nets.critic, nets.features) if module]
        self._known = {tensor.untyped_storage()._cdata for module in modules for tensor in module.state_dict().values()}
        self._kept: weakref.WeakSet[_Kept] = weakref.WeakSet()
        self._shared = Prepared()
        self.peak = 0

    def keep(self, tensor: Tensor) -> _Kept:
        kept = _Kept(tensor)
        self._kept.add(kept)
        return kept

    def prepare(self, batch: Batch, apart: bool) -> tuple[Prepared, Prepared]:
        prepared, self._shared = super().prepare(batch, apart)
        return prepared, self._shared

    def backward(self, losses: dict[str, Tensor], frames: int) -> Tensor:
        gathered = [value.grad for value in self._shared if value is not None and value.is_leaf and value.grad is not None]
        storages = [tensor.untyped_storage() for tensor in (*(kept.tensor for kept in self._kept), *gathered)]
        sizes = {storage._cdata: storage.nbytes() for storage in storages}
        self.peak = max(self.peak, sum(size for key, size in sizes.items() if key not in self._known))
        return super().backward(losses, frames)

    def update(self, losses: list[str], values: Tensor) -> Tensor:
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
