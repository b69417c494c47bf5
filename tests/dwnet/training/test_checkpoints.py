import random
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import MODELS

from dwnet.config import GENERATORS, LossSettings, ModelSettings, TrainSettings, load_config, variant_model, variant_train
from dwnet.training.checkpoints import (
    fingerprint,
    latest_state,
    prune_states,
    random_states,
    remove_unfinished,
    restore_random_states,
    save_state,
)

OTHER = {"preset": "official", "update": "frame", "decay": "none", "features": "embedded", "precision": "bf16", "compile": "none"}
OTHER |= {"losses": TrainSettings().losses.model_copy(update={"l1": 1.0}), "betas": (0.9, 0.9), "detach_previous": False, "epochs": 3}
OTHER |= {"device": "cpu", "backward": "frame"}


@pytest.mark.parametrize("key", sorted(TrainSettings.model_fields.keys() - {"start"}))
def test_a_key_changes_the_fingerprint_unless_it_changes_no_result(key):
    settings = TrainSettings()
    value = getattr(settings, key)
    other = OTHER[key] if key in OTHER else (value or 0) + 1
    assert other != value
    changed = settings.model_copy(update={key: other})
    same = fingerprint(ModelSettings(), settings, "data") == fingerprint(ModelSettings(), changed, "data")
    assert same == (key in TrainSettings.no_effect)


TRAININGS = {
    ("fashion", "full"): "ae1a3c48fa58e0f0bd459883c36ee16a93e443e82ce470f11a4d4795828ccdee",
    ("fashion", "no_prev"): "bbb2e2b05c7ddd0ed201f6d5c3c4cd830e92f5b4358d9178166c456b2a38147b",
    ("fashion", "no_prev_no_refine"): "00039136784f648a30746797a8d362b5f0333f423c8181efb0d75e67a3d66fea",
    ("fashion", "no_prev_no_refine_no_warp"): "57ce37d5ba6af1ac7da608f6027a56810357ef97dc0853f9b330a22747f9c9a1",
    ("taichi", "full"): "fd6cbfc2cc0d3ced51ec0433b47c6e37bbb935e922608438d87a2a1a7fdc246b",
    ("taichi", "no_prev"): "8f230d383504d93cae802fe370897306694e3af8bef892d90872a3cae4e20dde",
    ("taichi", "no_prev_no_refine"): "54ed757e580d8448d0b0534d1f73021102dadaa3d69bb67562bc4fec640b3a0f",
    ("taichi", "no_prev_no_refine_no_warp"): "93c1e01aafde059e654f463c1caafdf9df344290af8ddc375f258716e12168bc",
}
"""Fingerprints of trainings on data whose digest is "data", from before there were two generators."""


@pytest.mark.parametrize(("name", "variant"), TRAININGS)
def test_the_papers_trainings_go_on_from_the_states_that_they_had(name, variant):
    data = load_config(Path(__file__).parents[3] / "config.yaml").datasets[name]
    found = fingerprint(variant_model(data.model, variant), variant_train(data.train, variant), "data")
    assert found == TRAININGS[name, variant]


def test_the_generator_and_its_own_keys_count():
    settings = TrainSettings()
    prints = {name: fingerprint(model, settings, "data") for name, model in MODELS.items()}
    assert len(set(prints.values())) == len(GENERATORS)
    wider = MODELS["compose"].model_copy(update={"width": 8})
    assert fingerprint(wider, settings, "data") != prints["compose"]
    shared = MODELS["compose"].model_copy(update={"ngf": 8, "blocks": 3})
    assert fingerprint(shared, settings, "data") == prints["compose"], "keys of the other generator do not count"


@pytest.mark.parametrize("name", sorted(LossSettings.added))
def test_a_loss_that_came_later_counts_where_it_has_a_weight(name):
    with_loss, without = (TrainSettings(losses={name: weight}) for weight in (0.5, 0.0))
    plain = fingerprint(ModelSettings(), TrainSettings(), "data")
    assert fingerprint(ModelSettings(), without, "data") == plain != fingerprint(ModelSettings(), with_loss, "data")


def test_the_batch_of_all_devices_together_counts():
    one, four = TrainSettings(batch=8), TrainSettings(batch=8, devices=2, nodes=2)
    assert fingerprint(ModelSettings(), one, "data") == fingerprint(ModelSettings(), four, "data")
    assert fingerprint(ModelSettings(), one, "data") != fingerprint(ModelSettings(), TrainSettings(batch=16, devices=2), "data")
    assert fingerprint(ModelSettings(), one, "data") != fingerprint(ModelSettings(), one, "other data")
    assert fingerprint(ModelSettings(), one, "data") != fingerprint(ModelSettings(ngf=32), one, "data")


def test_the_weights_that_it_starts_from_count_and_not_where_they_lie():
    here, there = (fingerprint(ModelSettings(), TrainSettings(start=path), "data", "a") for path in ("here", "there"))
    assert here == there != fingerprint(ModelSettings(), TrainSettings(start="here"), "data", "b")
    assert here != fingerprint(ModelSettings(), TrainSettings(), "data")


def test_the_newest_readable_state_with_the_fingerprint_is_found(tmp_path, caplog):
    for step, name in enumerate("aaab", 1):
        save_state(tmp_path, {"fingerprint": name, "step": step, "weights": torch.arange(9)})
    (tmp_path / "state-00000003.pt").write_bytes((tmp_path / "state-00000003.pt").read_bytes()[:500])
    path, state = latest_state(tmp_path, "a")
    assert path.name == "state-00000002.pt" and state["step"] == 2 and torch.equal(state["weights"], torch.arange(9))
    assert "state-00000003.pt cannot be read and is skipped" in caplog.text
    assert latest_state(tmp_path, "c") is None and latest_state(tmp_path / "none", "a") is None


def test_the_last_two_stay(tmp_path):
    paths = [save_state(tmp_path, {"fingerprint": "a", "step": step}) for step in (1, 2, 3, 9)]
    (tmp_path / "notes.txt").touch()
    prune_states(tmp_path, paths[:3])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "state-00000002.pt", "state-00000003.pt"]


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    save_state(tmp_path, {"fingerprint": "a", "step": 1})
    (tmp_path / ".state-00000004.pt.17.tmp").touch()
    remove_unfinished(tmp_path)
    remove_unfinished(tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["state-00000001.pt"]


def test_all_random_generators_go_on_where_they_were():
    def draw():
        return random.random(), random.gauss(0, 1), np.random.rand(), np.random.standard_normal(), torch.rand(3).tolist()

    draw()
    states = random_states()
    wanted = draw(), draw()
    torch.rand(5)
    restore_random_states(states)
    assert (draw(), draw()) == wanted
