import copy

import pytest
import torch
from lightning.fabric import Fabric

from dwnet import losses
from dwnet.config import LossSettings, ModelSettings, TrainSettings
from dwnet.data import Batch
from dwnet.discriminator import MultiscaleDiscriminator
from dwnet.generator import Generator
from dwnet.group import Group
from dwnet.stability import NotFinite
from dwnet.step import Networks, TrainStep, generate
from dwnet.warping import grid_from_index

MODEL = ModelSettings(ngf=4, blocks=1, refine_blocks=1, ndf=4, critic_layers=2)
WEIGHTS = LossSettings(gan=0.5, feature_matching=3.0, perceptual=0.0, warp=0.0, l1=2.0)


@pytest.fixture
def batch() -> Batch:
    random = torch.Generator().manual_seed(0)
    source, real, iuv = (torch.rand(*shape, 3, 64, 64, generator=random) * 2 - 1 for shape in ((2,), (3, 2), (3, 2)))
    source_grid, previous_grid = (grid_from_index(torch.randint(0, 4096, (3, 2, 64, 64), generator=random), 64, 64) for _ in range(2))
    previous_grid[0] = source_grid[0]
    return Batch(["anna", "ben"], source, real, iuv, source_grid, previous_grid)


def _networks(rate: float) -> Networks:
    """Networks whose weights move by `rate` times their gradient."""
    torch.manual_seed(1)
    generator, critic = Generator(MODEL), MultiscaleDiscriminator(MODEL)
    sgd = [torch.optim.SGD(module.parameters(), lr=rate) for module in (generator, critic)]
    return Networks(generator, sgd[0], critic, sgd[1], None)


def _step(nets: Networks, **changes) -> TrainStep:
    settings = TrainSettings(losses=WEIGHTS, features="embedded").model_copy(update=changes)
    return TrainStep(nets, MODEL, settings, Group(Fabric(accelerator="cpu", devices=1)))


def test_an_update_follows_the_papers_losses_frame_by_frame(batch):
    """Eq. 2 to 7 written out plainly, each network with a pass of its own, against the shared passes of the step."""
    nets = _networks(rate=1.0)
    generator, critic = copy.deepcopy(nets.generator), copy.deepcopy(nets.critic)
    generator_loss, critic_loss, previous = 0.0, 0.0, None
    for t in range(3):
        if previous is None:
            fake = generator(batch.iuv[0], batch.source, batch.source, batch.source_grid[0], batch.source_grid[0]).frame
        else:
            fake = generator(batch.iuv[t], batch.source, previous, batch.source_grid[t], batch.previous_grid[t]).frame
        previous = fake.detach()
        judged, real = critic(batch.iuv[t], fake), critic(batch.iuv[t], batch.real[t])
        l1 = (fake - batch.real[t]).abs().mean()
        generator_loss += 0.5 * losses.adversarial(judged) + 3 * losses.feature_matching(judged, real) + 2 * l1
        critic_loss += sum(losses.critic_losses(critic(batch.iuv[t], previous), real).values()) / 2
    wanted = torch.autograd.grad(generator_loss, list(generator.parameters()), retain_graph=True)
    wanted += torch.autograd.grad(critic_loss, list(critic.parameters()))

    values, frames = _step(nets)(batch)
    before = [*generator.parameters(), *critic.parameters()]
    after = [*nets.generator.parameters(), *nets.critic.parameters()]
    for old, new, gradient in zip(before, after, wanted, strict=True):
        torch.testing.assert_close(old - new, gradient, rtol=1e-3, atol=1e-5)
    assert values["total"] == pytest.approx(float(generator_loss.detach()) / 3, rel=1e-5)
    assert frames.shape == (3, 2, 3, 64, 64) and torch.allclose(frames[2], previous, atol=1e-5)


def test_both_updates_see_the_same_losses_while_nothing_moves(batch):
    by_sample, by_frame = (_step(_networks(rate=1e-12), update=update)(batch) for update in ("sample", "frame"))
    assert by_sample[0].keys() == by_frame[0].keys()
    for name, value in by_sample[0].items():
        assert by_frame[0][name] == pytest.approx(value, rel=1e-5), name
    torch.testing.assert_close(by_sample[1], by_frame[1], rtol=0, atol=1e-5)


def test_frames_are_updated_one_after_the_other(batch):
    by_sample, by_frame = (_step(_networks(rate=0.1), update=update)(batch)[1] for update in ("sample", "frame"))
    torch.testing.assert_close(by_sample[0], by_frame[0], rtol=0, atol=1e-5)
    assert (by_sample[2] - by_frame[2]).abs().max() > 1e-4


def test_the_masks_of_the_batch_go_with_their_grids(batch):
    batch.source_visible, batch.previous_visible = torch.rand(2, 3, 2, 64, 64, generator=torch.Generator().manual_seed(3)) < 0.5
    batch.previous_visible[0] = batch.source_visible[0]
    model = MODEL.model_copy(update={"visibility": True})
    generator = Generator(model)
    torch.nn.init.normal_(generator.refine.last.weight)
    results, previous = generate(generator, batch, range(3), None, detach=True), batch.source
    for t, result in enumerate(results):
        masks = {"source_visible": batch.source_visible[t], "previous_visible": batch.previous_visible[t]}
        wanted = generator(batch.iuv[t], batch.source, previous, batch.source_grid[t], batch.previous_grid[t], **masks)
        torch.testing.assert_close(result.source_grid, wanted.source_grid, rtol=0, atol=1e-4)
        torch.testing.assert_close(result.previous_grid, wanted.previous_grid, rtol=0, atol=1e-4)
        previous = result.frame


def test_a_broken_loss_changes_no_weight(batch):
    nets = _networks(rate=1.0)
    before = copy.deepcopy(nets.generator.state_dict())
    batch.real[1] = float("nan")
    with pytest.raises(NotFinite, match="l1 is nan"):
        _step(nets)(batch)
    assert all(torch.equal(value, before[name]) for name, value in nets.generator.state_dict().items())
