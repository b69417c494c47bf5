import random

import numpy as np
import pytest
import torch

from dwnet.config import ModelSettings, TrainSettings
from dwnet.states import (
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
OTHER |= {"device": "cpu"}


@pytest.mark.parametrize("key", sorted(TrainSettings.model_fields.keys() - {"start"}))
def test_a_key_changes_the_fingerprint_unless_it_changes_no_result(key):
    settings = TrainSettings()
    value = getattr(settings, key)
    other = OTHER[key] if key in OTHER else (value or 0) + 1
    assert other != value
    changed = settings.model_copy(update={key: other})
    same = fingerprint(ModelSettings(), settings, "data") == fingerprint(ModelSettings(), changed, "data")
    assert same == (key in TrainSettings.no_effect)


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
