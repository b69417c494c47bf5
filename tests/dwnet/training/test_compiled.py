"""A compiled step is the same step, in one graph a network and form; so is one that a GPU plays back."""

import dataclasses
import shutil

import pytest
import torch
from step_networks import TinyFeatures, networks

from dwnet.config import LossSettings, ModelSettings, TrainSettings
from dwnet.core.device import pick_compile
from dwnet.model.layers import instance_norm
from dwnet.training.compiled import RecordedStep, compile_step
from dwnet.training.data import Batch
from dwnet.training.distributed import alone
from dwnet.training.loss_guard import NotFinite
from dwnet.training.step import TrainStep

pytestmark = pytest.mark.usefixtures("fresh_compiler")
CPU = torch.device("cpu")
GPU = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def _step(
    model: ModelSettings,
    kind: type[TrainStep] = TrainStep,
    device: torch.device = CPU,
    precision: str = "32-true",
    update: str = "sample",
) -> TrainStep:
    """A step that moves weights by a thousandth of their gradients, with all losses."""
    nets = networks(model, rate=1e-3)
    nets.features = TinyFeatures()
    for module in (nets.generator, nets.discriminator, nets.features):
        module.to(device)
    pixels = {"l1": 2.0, "l1_coarse": 1.0, "l1_body": 0.5, "l1_head": 0.5} if model.generator == "compose" else {"l1": 2.0}
    settings = TrainSettings(losses=LossSettings(gan=0.5, perceptual=2.0, warp=1.0, **pixels), update=update)
    return kind(nets, model, settings, alone(device, precision))


def _weights(step: TrainStep) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in step.nets.parameters])


def _on(batch: Batch, device: torch.device) -> Batch:
    tensors = {name: value.to(device) for name, value in vars(batch).items() if isinstance(value, torch.Tensor)}
    return dataclasses.replace(batch, **tensors)


@pytest.fixture
def batch(batch: Batch) -> Batch:
    """With grids that point between pixels: exactly on one the gradient of a warp jumps."""
    for grid in (batch.source_grid, batch.previous_grid):
        grid.mul_(0.987)
    return batch


@pytest.mark.slow
def test_a_compiled_step_is_the_same_and_is_compiled_once(model, batch):
    """Every network is one graph (`fullgraph`), and a later step uses the same ones."""
    eager, compiled = (_step(model) for _ in range(2))
    start = _weights(eager)
    compile_step(compiled, backend="aot_eager")
    found, wanted = (step(batch).read() for step in (compiled, eager))
    assert found == pytest.approx(wanted, rel=1e-5)
    moved, wanted_move = (_weights(step) - start for step in (compiled, eager))
    assert (moved - wanted_move).norm() < 5e-3 * wanted_move.norm()
    with torch.compiler.set_stance("fail_on_recompile"):
        batch.real.mul_(0.5)
        compiled(batch, 1e6).read()


@pytest.mark.skipif(shutil.which("g++") is None, reason="PyTorch's compiler needs a C++ compiler on the CPU")
def test_the_compiled_instance_norm_is_the_same_and_keeps_type_and_layout():
    x = (torch.randn(2, 5, 12, 9, generator=torch.Generator().manual_seed(0)) * 3 + 7).contiguous(memory_format=torch.channels_last)
    wanted = instance_norm(x)
    found = torch.compile(instance_norm, fullgraph=True, dynamic=False)(x)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    assert torch.compile(instance_norm, fullgraph=True, dynamic=False)(x.bfloat16()).dtype == torch.bfloat16


def test_only_a_gpu_compiles_by_itself():
    assert [pick_compile(name, CPU) for name in ("auto", "none", "networks")] == ["none", "none", "networks"]


@pytest.mark.parametrize(
    ("kind", "precision", "tolerance"), [(TrainStep, "32-true", 0.02), (TrainStep, "bf16-mixed", 0.1), (RecordedStep, "bf16-mixed", 0.1)]
)
@pytest.mark.parametrize("update", ["sample", "frame"])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_gpu_takes_the_same_steps(model, batch, kind, precision, tolerance, update, compiled):
    eager, fast = _step(model, update=update), _step(model, kind, torch.device("cuda"), precision, update)
    if compiled:
        compile_step(fast)
    start, there = _weights(eager), _on(batch, torch.device("cuda"))
    for _ in range(3):
        found, wanted = fast(there).read(), eager(batch).read()
    assert found == pytest.approx(wanted, rel=tolerance)
    moved, wanted_move = (_weights(step).cpu() - start for step in (fast, eager))
    assert (moved - wanted_move).norm() < 5 * tolerance * wanted_move.norm()
    before = _weights(fast)
    there.real[1] = float("nan")
    broken = fast(there)
    with pytest.raises(NotFinite):
        broken.read()
    fast(there)
    assert torch.equal(_weights(fast), before)


test_a_gpu_takes_the_same_steps.pytestmark += GPU


@pytest.mark.parametrize("compiled", [False, True])
def test_a_step_on_a_gpu_waits_for_nothing(model, batch, compiled):
    step, there = _step(model, device=torch.device("cuda"), precision="bf16-mixed"), _on(batch, torch.device("cuda"))
    if compiled:
        compile_step(step)
    step(there).read()
    torch.cuda.set_sync_debug_mode("error")
    try:
        outcome = step(there)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert outcome.read()["total"] > 0


test_a_step_on_a_gpu_waits_for_nothing.pytestmark += GPU
