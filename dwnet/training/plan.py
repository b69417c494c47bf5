"""What a training would do: data, steps, networks, memory and time. Nothing is written."""

import copy
import itertools
import statistics
import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from densepose_cache.core.progress import Bar

from ..config import ModelSettings, TrainSettings
from ..core.device import FABRIC_PRECISION, fast_convolutions, free_memory, peak_memory, pick_device, pick_precision, set_threads
from ..model.prepared import Prepared
from ..model.warping import cached_identity
from .checkpoints import latest_state, load_start_weights
from .data import Batch, SampleDataset, TrainingData, to_device_batch
from .distributed import alone
from .logging import Run
from .loop import build_networks, explained, plan_run, training_step
from .step import Networks, TrainStep


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


PROBED = 3
"""Steps whose time is taken."""
LONG = 30.0
"""Seconds of a step above which its time is taken from that of a single sample."""


def train_plan(train_h5: Path | Sequence[Path], out: Path, model: ModelSettings, settings: TrainSettings, weights: Path) -> Iterator[str]:
    """Lines that describe the training, each as soon as it is known; the last one takes a few steps of it.

    Takes what `train` takes. Raises InputError for what it would stop at before its first step.
    """
    data = TrainingData(train_h5, settings.targets, model.generator == "compose")
    run = plan_run(data, Path(out), model, settings)
    found = latest_state(run.states, run.fingerprint)
    start = None if found else load_start_weights(settings.start, model)
    left = run.steps - (found[1]["step"] if found else 0)
    share = settings.batch // (settings.devices * settings.nodes)
    for part in data.parts:
        yield f"data: {_data(part)}"
    begins = f"goes on from {found[0]}, {left} steps are left" if found else f"starts from {settings.start}" if start else "starts afresh"
    yield f"training: {_steps(run, share)}; {begins}"
    nets = build_networks(model, settings, weights, torch.device("cpu"))
    yield f"networks: {_networks(nets)}"
    device = pick_device(settings.device, settings.devices)
    kind = pick_precision(settings, model.generator, device, found and found[1].get("precision"))
    precision = FABRIC_PRECISION[kind]
    cost = step_cost(nets, model, settings, share, run.size, precision)
    yield f"step: {cost.operations * settings.batch / share / 1e12:.3g} TFLOP, counted for convolutions forward and backward; {kind}"
    yield f"memory: {_memory(cost, share, settings.backward)}"
    if not left:
        yield "time: seconds, since the last state only has to be written out as a model"
    elif cost.weights + cost.activations > free_memory(device):
        yield f"time: not measured, since only {free_memory(device) / 1e9:.1f} GB are free on this {device.type}"
    else:
        yield f"time: {_time(run, data, weights, device, precision, share, left)}"


def _data(data: SampleDataset) -> str:
    reader = data.reader
    frames = sum(reader.length(clip) for clip in reader.clips)
    drawn = f"{len(data)} samples of {data.targets} frames in {len(data.epochs)} drawn epochs"
    return f"{reader.path}: {len(reader.clips)} clips, {frames} frames of {reader.size} x {reader.size} pixels; {drawn}"


def _steps(run: Run, share: int) -> str:
    settings = run.settings
    places = settings.devices * settings.nodes
    shared = f", {share} on each of {settings.devices} devices of {settings.nodes} nodes" if places > 1 else ""
    return f"{run.steps} steps of {settings.batch} samples{shared}"


def _networks(nets: Networks) -> str:
    sizes = {"generator": nets.generator, "critic": nets.critic, nets.features.name if nets.features else "features": nets.features}
    counts = {name: sum(weight.numel() for weight in module.parameters()) for name, module in sizes.items() if module}
    return ", ".join(f"{name} {count / 1e6:.2f} M parameters" for name, count in counts.items())


def _memory(cost: StepCost, share: int, backward: str) -> str:
    total, weights, rest = ((part / 1e9) for part in (cost.weights + cost.activations, cost.weights, cost.activations))
    passes = "the backward pass" if backward == "sample" else "a backward pass for each frame"
    return (
        f"estimated {total:.2f} GB a device: {weights:.2f} GB of weights, gradients and Adam's moments, {rest:.2f} GB for {passes} of "
        f"{share} samples; programs and what single operations need come on top"
    )


def _time(run: Run, data: TrainingData, weights: Path, device: torch.device, precision: str, share: int, left: int) -> str:
    """Seconds a step, measured, and what they make of the steps that are left."""
    settings = run.settings
    set_threads(settings.threads, settings.devices)
    step = training_step(build_networks(run.model, settings, weights, device), run.model, settings, alone(device, precision))
    seconds, how = (_seconds(step, data, device, 1, 1) * share if device.type == "cpu" else 0.0), "from one sample"
    if seconds < LONG:
        seconds, how = _seconds(step, data, device, share, PROBED), f"the median of {PROBED}"
    days, rest = divmod(round(seconds * left), 86400)
    total = f"{days} days " * bool(days) + time.strftime("%H:%M:%S", time.gmtime(rest))
    several = "; what devices exchange comes on top" if settings.batch > share else ""
    return (
        f"about {total} for {left} steps, an estimate: a step takes {seconds:.3g} s on this {device.type} ({how}, "
        f"{settings.batch / seconds:.3g} samples/s{several}), {peak_memory(device) / 1e9:.2f} GB in use"
    )


def _seconds(step: TrainStep, data: TrainingData, device: torch.device, samples: int, steps: int) -> float:
    """Median seconds of `steps` steps of `samples` samples, loading included, after one that is not counted."""
    settings, times = step.settings, [time.perf_counter()]
    with fast_convolutions(), explained(), Bar("probe", 1 + steps) as bar:
        for raw in data.batches(samples, settings.seed, range(1 + steps), settings.workers, pin=device.type == "cuda"):
            step(to_device_batch(raw, device, step.model.visibility)).read()
            times.append(time.perf_counter())
            bar.advance()
    return statistics.median(after - before for before, after in itertools.pairwise(times[1:]))
