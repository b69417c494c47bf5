"""A backward pass for each frame of a sample comes to the same as one for all of them, and keeps less."""

import pytest
import torch
from step_networks import TinyFeatures, networks

from dwnet.config import LossSettings, ModelSettings, TrainSettings
from dwnet.training.compiled import compile_step
from dwnet.training.data import Batch
from dwnet.training.distributed import alone
from dwnet.training.plan import step_cost
from dwnet.training.step import TrainStep

pytestmark = pytest.mark.usefixtures("fresh_compiler")
CPU = torch.device("cpu")
LOSSES = LossSettings(gan=0.5, perceptual=2.0, warp=1.0, l1=2.0, l1_coarse=1.0, l1_body=0.5, l1_head=0.7)


@pytest.fixture
def batch(batch: Batch) -> Batch:
    """Whose last frame shows much less of a body than the others; grids point between pixels."""
    batch.iuv[2, :, :, 6:] = -1.0
    for grid in (batch.source_grid, batch.previous_grid):
        grid.mul_(0.987)
    return batch


def _step(model: ModelSettings, backward: str, update: str = "sample", precision: str = "32-true") -> TrainStep:
    """A step that moves weights by their gradients, with all losses."""
    nets = networks(model, rate=1.0)
    nets.features = TinyFeatures()
    return TrainStep(nets, model, TrainSettings(losses=LOSSES, update=update, backward=backward), alone(CPU, precision))


def _gradients(step: TrainStep, batch: Batch) -> tuple[dict[str, float], list[torch.Tensor], torch.Tensor]:
    """The logged losses, the gradient of every weight, and the frames (T, B, 3, H, W) of a step."""
    before = [weight.detach().clone() for weight in step.nets.parameters]
    outcome = step(batch)
    return outcome.read(), [old - new.detach() for old, new in zip(before, step.nets.parameters, strict=True)], outcome.frames


def _assert_equal(found, wanted, tolerance: float):
    assert list(found[0]) == list(wanted[0]) and found[0] == pytest.approx(wanted[0], rel=tolerance)
    whole = torch.cat([gradient.flatten() for gradient in wanted[1]]).norm()
    for gradient, other in zip(found[1], wanted[1], strict=True):
        assert (gradient - other).norm() <= tolerance * max(other.norm(), 1e-3 * whole)
    torch.testing.assert_close(found[2], wanted[2], rtol=0, atol=tolerance)


def test_losses_and_gradients_are_those_of_one_pass_for_all_frames(model, batch):
    wanted, found = (_gradients(_step(model, backward), batch) for backward in ("sample", "frame"))
    names = ["total", "gan", "feature_matching", "critic_fake", "critic_real", "perceptual_tiny", "warp", *(LOSSES.added | {"l1"})]
    assert set(wanted[0]) == set(names) and all(value > 0 for value in wanted[0].values())
    _assert_equal(found, wanted, 3e-4)


def test_an_update_a_frame_has_a_pass_a_frame_anyway(model, batch):
    wanted, found = (_gradients(_step(model, backward, update="frame"), batch) for backward in ("sample", "frame"))
    _assert_equal(found, wanted, 0.0)


@pytest.mark.slow
def test_compiled_it_is_the_same_and_is_compiled_once(model, batch):
    compiled = _step(model, "frame")
    compile_step(compiled, backend="aot_eager")
    _assert_equal(_gradients(compiled, batch), _gradients(_step(model, "frame"), batch), 1e-2)
    with torch.compiler.set_stance("fail_on_recompile"):
        batch.real.mul_(0.5)
        compiled(batch).read()


def test_autocast_computes_the_same_frames(model, batch):
    _, _, wanted = _gradients(_step(model, "sample", precision="bf16-mixed"), batch)
    losses, _, found = _gradients(_step(model, "frame", precision="bf16-mixed"), batch)
    assert torch.equal(found, wanted) and losses["total"] > 0


def test_it_keeps_little_more_than_one_frame_needs(model):
    nets = networks(model, rate=1.0)
    nets.features = TinyFeatures()

    def kept(**settings) -> int:
        return step_cost(nets, model, TrainSettings(losses=LOSSES, **settings), 2, 64, "32-true").activations

    batch = 2 * 64 * 64 * 4 * (3 + 3 * 10)
    one, all_frames = (kept(targets=3, backward=backward) for backward in ("frame", "sample"))
    assert one - batch < 0.45 * (all_frames - batch)
    assert one == pytest.approx(kept(targets=3, update="frame"), rel=0.02)
