import copy
import dataclasses
import math

import pytest
import torch
from lightning.fabric import Fabric
from step_networks import networks
from tiny_model import changed

from dwnet.config import LossSettings, TrainSettings
from dwnet.model.build import build_generator
from dwnet.training import losses
from dwnet.training.data import Batch
from dwnet.training.distributed import Group
from dwnet.training.loss_guard import Exploded, NotFinite
from dwnet.training.step import Networks, TrainStep, generate

WEIGHTS = LossSettings(gan=0.5, feature_matching=3.0, perceptual=0.0, warp=0.0, l1=2.0)


def _step(nets: Networks, **changes) -> TrainStep:
    settings = TrainSettings(losses=WEIGHTS, features="embedded").model_copy(update=changes)
    return TrainStep(nets, nets.generator.settings, settings, Group(Fabric(accelerator="cpu", devices=1), "32-true"))


def _frame(generator, batch: Batch, t: int, previous: torch.Tensor | None):
    """Frame `t` of the batch, all of it written out."""
    if previous is None:
        image, grid = batch.source, batch.source_grid[t]
    else:
        image, grid = previous, batch.previous_grid[t]
    prepared = generator.prepare(batch.source, batch.plate, batch.source_iuv)
    names = ("source_visible", "previous_visible", "source_distance", "previous_distance", "smooth_grid", "smooth_distance", "edge")
    given = {name: getattr(batch, name)[t] for name in names if getattr(batch, name) is not None}
    return generator(batch.iuv[t], batch.source, image, batch.source_grid[t], grid, prepared.at(**given))


def test_an_update_follows_the_papers_losses_frame_by_frame(model, batch):
    """Eq. 2 to 7 written out plainly, each network with a pass of its own, against the shared passes of the step."""
    nets = networks(model, rate=1.0)
    generator, discriminator = copy.deepcopy(nets.generator), copy.deepcopy(nets.discriminator)
    generator_loss, discriminator_loss, previous = 0.0, 0.0, None
    for t in range(3):
        fake = _frame(generator, batch, t, previous).frame
        previous = fake.detach()
        judged, real = discriminator(batch.iuv[t], fake), discriminator(batch.iuv[t], batch.real[t])
        l1 = (fake - batch.real[t]).abs().mean()
        generator_loss += 0.5 * losses.adversarial(judged) + 3 * losses.feature_matching(judged, real) + 2 * l1
        discriminator_loss += sum(losses.discriminator_losses(discriminator(batch.iuv[t], previous), real).values()) / 2
    wanted = torch.autograd.grad(generator_loss, list(generator.parameters()), retain_graph=True)
    wanted += torch.autograd.grad(discriminator_loss, list(discriminator.parameters()))

    outcome = _step(nets)(batch)
    values, frames = outcome.read(), outcome.frames
    before = [*generator.parameters(), *discriminator.parameters()]
    after = [*nets.generator.parameters(), *nets.discriminator.parameters()]
    for old, new, gradient in zip(before, after, wanted, strict=True):
        torch.testing.assert_close(old - new, gradient, rtol=1e-3, atol=1e-5)
    assert values["total"] == pytest.approx(float(generator_loss.detach()) / 3, rel=1e-5)
    assert frames.shape == (3, 2, 3, 64, 64) and torch.allclose(frames[2], previous, atol=1e-5)


def test_both_updates_see_the_same_losses_while_nothing_moves(model, batch):
    by_sample, by_frame = (_step(networks(model, rate=1e-12), update=update)(batch) for update in ("sample", "frame"))
    assert by_sample.read().keys() == by_frame.read().keys()
    for name, value in by_sample.read().items():
        assert by_frame.read()[name] == pytest.approx(value, rel=1e-5), name
    torch.testing.assert_close(by_sample.frames, by_frame.frames, rtol=0, atol=1e-5)


def test_frames_are_updated_one_after_the_other(model, batch):
    by_sample, by_frame = (_step(networks(model, rate=0.1), update=update)(batch).frames for update in ("sample", "frame"))
    torch.testing.assert_close(by_sample[0], by_frame[0], rtol=0, atol=1e-5)
    assert (by_sample[2] - by_frame[2]).abs().max() > 1e-4


def test_what_the_batch_holds_of_a_frame_goes_with_it(generator, batch):
    """Masks, distances and edges: each frame is given its own, the first one's previous ones are its source's."""
    for name in ("source_visible", "previous_visible"):
        setattr(batch, name, torch.rand(3, 2, 64, 64, generator=torch.Generator().manual_seed(len(name))) < 0.5)
    batch.previous_visible[0] = batch.source_visible[0]
    network = build_generator(changed(generator, **({"visibility": True} if generator == "dwnet" else {})))
    for weight in network.refine.last.parameters() if generator == "dwnet" else network.trunk.head.parameters():
        torch.nn.init.normal_(weight)
    previous, prepared = None, network.prepare(batch.source, batch.plate, batch.source_iuv)
    for t, result in enumerate(generate(network, prepared, batch, range(3), None, detach=True)):
        wanted = _frame(network, batch, t, previous)
        torch.testing.assert_close(result.source_grid, wanted.source_grid, rtol=0, atol=1e-4)
        torch.testing.assert_close(result.previous_grid, wanted.previous_grid, rtol=0, atol=1e-4)
        previous = result.frame


def _weights(nets: Networks) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in nets.parameters]


def _same(some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def test_a_broken_loss_changes_no_weight_nor_does_any_step_after_it(model, batch):
    nets = networks(model, rate=1.0)
    before, whole = _weights(nets), batch.real.clone()
    step = _step(nets)
    batch.real[1] = float("nan")
    broken = step(batch)
    batch.real.copy_(whole)
    after = step(batch)
    with pytest.raises(NotFinite, match="l1 is nan"):
        broken.read()
    assert math.isfinite(after.read()["total"]) and _same(_weights(nets), before)


def test_a_loss_above_the_limit_is_not_learned_from(model, batch):
    nets = networks(model, rate=1.0)
    step, before = _step(nets), _weights(nets)
    total = _step(networks(model, rate=1.0))(batch).read()["total"]
    with pytest.raises(Exploded, match="may be"):
        step(batch, total * 0.99).read()
    assert _same(_weights(nets), before)
    step.broken.zero_()
    assert step(batch, total).read()["total"] == total and not _same(_weights(nets), before)


def test_by_frame_only_the_updates_before_the_broken_one_are_made(model, batch):
    nets, others = networks(model, rate=0.1), networks(model, rate=0.1)
    broken = dataclasses.replace(batch, real=batch.real.clone())
    broken.real[1] = float("nan")
    with pytest.raises(NotFinite):
        _step(nets, update="frame")(broken).read()
    first = dataclasses.replace(batch, **{name: getattr(batch, name)[:1] for name in ("real", "iuv", "source_grid", "previous_grid")})
    _step(others, update="frame")(first)
    assert _same(_weights(nets), _weights(others))


def test_adam_keeps_its_moments_and_its_count_where_an_update_is_left_out(model, batch):
    nets = networks(model, rate=1.0)
    nets.generator_optimizer, nets.discriminator_optimizer = (
        torch.optim.Adam(module.parameters(), lr=1e-3, fused=True) for module in (nets.generator, nets.discriminator)
    )
    step = _step(nets)
    step(batch)
    before, moments = _weights(nets), copy.deepcopy([optimizer.state_dict()["state"] for optimizer in nets.optimizers])
    batch.real[:] = float("inf")
    step(batch)
    assert _same(_weights(nets), before)
    for optimizer, state in zip(nets.optimizers, moments, strict=True):
        now = optimizer.state_dict()["state"]
        assert all(torch.equal(now[key][name], value) for key, values in state.items() for name, value in values.items())
