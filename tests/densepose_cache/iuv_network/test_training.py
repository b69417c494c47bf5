"""Training: steps make the losses fall, a stopped run goes on, the schedule, the files that come out."""

import copy
import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file

from densepose_cache.iuv_network.training.batches import Batches
from densepose_cache.iuv_network.training.cutouts import CutOuts, Request, render_set
from densepose_cache.iuv_network.training.losses import to_input
from densepose_cache.iuv_network.training.score import CHECK, score
from densepose_cache.iuv_network.training.train import Trainer, Training, main, settled, train
from densepose_cache.iuv_network.weights import load_weights, read_record, save_weights
from densepose_cache.rendered.backgrounds import draw_backgrounds

SMALL = Training(people=2, frames=3, backgrounds=3, batch=2, small_steps=2, large_steps=1, warm_up=1, cool_down=1)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder, request = tmp_path_factory.mktemp("people"), Request("train", 2, 3, 1)
    render_set(request, folder, 1)
    return Batches(CutOuts(request, folder), draw_backgrounds(3, 1), 4, 9, 1)


@pytest.fixture(scope="module")
def batch(people):
    return people[0]


def test_a_few_steps_make_the_losses_fall(batch):
    trainer = Trainer(Training(warm_up=1), torch.ones(24))
    before = score(trainer.network, [batch])
    found = [trainer.learn(batch) for _ in range(9)]
    for name in found[0]:
        assert found[-1][name] < 0.8 * found[0][name], name
    assert trainer.step == 9
    assert score(trainer.network, [batch])["u_error"] < before["u_error"]


def test_the_first_blocks_stay_as_they_are(batch):
    trainer = Trainer(Training(frozen_blocks=3, warm_up=1), torch.ones(24))
    state = {name: value.clone() for name, value in trainer.network.encoder.state_dict().items()}
    trainer.learn(batch)
    changed = {name for name, value in trainer.network.encoder.state_dict().items() if not torch.equal(value, state[name])}
    assert changed and not any(name.startswith(("stem", "blocks.0.", "blocks.1.", "blocks.2.")) for name in changed)


def test_the_rate_rises_stays_and_falls_to_nothing():
    training = Training(small_steps=80, large_steps=20, warm_up=10, cool_down=40)
    assert training.rate(0) == pytest.approx(0.1) and training.rate(30) == 1 and training.rate(59) == 1
    assert training.rate(80) == pytest.approx(0.5) and 0 < training.rate(99) < 0.01


def test_a_run_that_was_stopped_goes_on(batch, tmp_path):
    trainer = Trainer(SMALL, torch.ones(24))
    trainer.learn(batch)
    trainer.keep(tmp_path / "kept.pt")
    other = Trainer(SMALL, torch.ones(24))
    other.go_on(tmp_path / "kept.pt")
    assert other.step == 1
    assert trainer.learn(batch) == pytest.approx(other.learn(batch))


def test_norms_take_their_statistics_from_all_batches_alike(people):
    trainer = Trainer(SMALL, torch.ones(24))
    norm, seen = trainer.network.centre[1], []
    before = norm.running_mean.clone()
    found = settled(trainer.network, people, range(3)).centre[1].running_mean
    watched = copy.deepcopy(trainer.network).train()
    watched.centre[1].register_forward_pre_hook(lambda _, values: seen.append(values[0].detach().mean((0, 2, 3))))
    for number in range(3):
        watched(to_input(people[number].images))
    torch.testing.assert_close(found, torch.stack(seen).mean(0))
    assert torch.equal(norm.running_mean, before), "the network that learns stays as it is"


def test_from_nothing_to_weights_and_record(tmp_path, monkeypatch):
    out = tmp_path / "net.safetensors"
    monkeypatch.setitem(CHECK, "people", 1)
    monkeypatch.setitem(CHECK, "batches", 1)
    monkeypatch.setattr("densepose_cache.iuv_network.training.train.SETTLE", 20)
    figures = train(SMALL, tmp_path / "data", out, workers=1, threads=1)
    record = read_record(out)
    assert record["training"]["people"] == 2 and "--people 2" in record["command"] and record["licence"].startswith("Apache-2.0")
    assert record["figures"] == pytest.approx(figures, abs=1e-4) and len(record["data_sha256"]) == 64
    assert json.loads(out.with_suffix(".json").read_text()) == record
    written = out.read_bytes()
    train(SMALL, tmp_path / "data", out, workers=1, threads=1)
    assert out.read_bytes() == written, "a finished run has nothing left to learn"
    assert record["begun_with_sha256"] is None

    more = tmp_path / "more.safetensors"
    slow = dataclasses.replace(SMALL, encoder_rate=1e-9, decoder_rate=1e-9, weight_decay=0.0)
    main([*options(slow), "--folder", str(tmp_path / "more"), "--out", str(more), "--start", str(out)])
    assert read_record(more)["begun_with_sha256"] == record["sha256"]
    main([*options(slow), "--folder", str(tmp_path / "more"), "--out", str(more)])
    assert read_record(more)["begun_with_sha256"] == record["sha256"], "a run that goes on remembers"
    for before, after in zip(load_file(out).values(), load_file(more).values(), strict=True):
        assert (after.float() - before.float()).abs().mean() < 0.3 * before.float().abs().mean() + 0.05


def options(training: Training) -> list[str]:
    """The command line of a training."""
    return [word for name, value in dataclasses.asdict(training).items() for word in (f"--{name.replace('_', '-')}", str(value))]


def test_a_start_that_is_none_is_named_before_anybody_is_rendered(tmp_path):
    with pytest.raises(SystemExit, match=r"none\.safetensors is missing"):
        main(["--folder", str(tmp_path / "data"), "--start", str(tmp_path / "none.safetensors")])
    assert not (tmp_path / "data").exists()


def test_settings_come_from_the_record_where_nothing_else_is_said(monkeypatch):
    asked = []
    monkeypatch.setattr("densepose_cache.iuv_network.training.train.train", lambda training, *_: asked.append(training))
    main(["--like-record", "--people", "7"])
    main([])
    assert asked == [Training(**(read_record()["training"] | {"people": 7})), Training()]


def test_nothing_to_learn_is_an_error(tmp_path):
    with pytest.raises(SystemExit, match="at least 1 each"):
        main(["--folder", str(tmp_path), "--small-steps", "0", "--large-steps", "0"])
    assert not list(tmp_path.iterdir())


def test_weights_come_back_in_half_precision(batch, tmp_path):
    trainer = Trainer(SMALL, torch.ones(24))
    trainer.learn(batch)
    save_weights(trainer.network, tmp_path / "net.safetensors", {}, "0" * 64, {"part_miou": 0.5})
    trainer.network.eval()
    x = to_input(batch.images)
    with torch.no_grad():
        before, after = trainer.network(x), load_weights(tmp_path / "net.safetensors")(x)
    assert (before.silhouette - after.silhouette).abs().max() < 0.05 * before.silhouette.abs().max()
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in trainer.network.modules())
