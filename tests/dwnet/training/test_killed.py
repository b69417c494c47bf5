"""Trainings that are killed, that find no room on the disk, or whose samples cannot be read."""

import random
import re
import shutil
import signal
import time

import pytest
from trainer import SETTINGS, BeforeStep, damage, kill_loaders, losses, run, signal_myself, start, states

DICE = random.SystemRandom()


@pytest.fixture(scope="module")
def whole(cache, model, tmp_path_factory):
    """Folder of a training that nobody has disturbed."""
    out = tmp_path_factory.mktemp("whole")
    assert run(cache, out, model=model) == (0, [])
    return out


@pytest.mark.slow
def test_a_training_killed_again_and_again_has_the_losses_of_an_undisturbed_one(cache, model, whole, tmp_path):
    """SIGKILL at random moments, until the same command has come to its end.

    The last step waits for the signal, however late a busy machine sends it.
    """
    out, rows = tmp_path / "run", []
    for least in (0, 3, 5):
        done = max((int(path.stem.split("-")[1]) for path in out.glob("states/state-*.pt")), default=0)
        wait = BeforeStep(SETTINGS.steps - done, time.sleep, 600)
        process, log = start(cache, out, model=model, preparation=wait), out / "train_log.csv"
        wanted = least + DICE.randint(1, 3)
        while not (log.is_file() and log.read_text().count("\n") > wanted) and process.is_alive():
            time.sleep(0.002)
        time.sleep(DICE.random() * 0.1)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        rows.append(len(losses(out)) - 1)
    for _ in range(2):  # the second time the training has been finished before
        (out / "states" / ".state-00000004.pt.1.tmp").write_bytes(b"what a process killed in the middle of a state leaves")
        assert run(cache, out, model=model) == (0, [])
        assert states(out) == ["state-00000008.pt", "state-00000009.pt"]
    assert losses(out) == losses(whole), f"killed after {rows} steps"
    assert len(losses(out)) == 1 + SETTINGS.steps
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert (out / "critic.safetensors").read_bytes() == (whole / "critic.safetensors").read_bytes()


OTHER = SETTINGS.model_copy(update={"learning_rate": 1e-3})


@pytest.mark.parametrize("stopped", [False, True])
def test_another_training_that_was_killed_leaves_nothing_beside_the_one_gone_back_to(cache, model, whole, tmp_path, stopped):
    """The first one had come to its end, or was stopped; the other one has no state yet."""
    out = tmp_path / "run"
    if stopped:
        assert run(cache, out, model=model, preparation=BeforeStep(5, signal_myself, signal.SIGTERM)) == (75, [])
    else:
        shutil.copytree(whole, out)
        (out / "model.safetensors").unlink()
    assert run(cache, out, OTHER, model, preparation=BeforeStep(2, signal_myself, signal.SIGKILL))[0] == -signal.SIGKILL
    assert len(losses(out)) < 3 and len(list((out / "tensorboard").iterdir())) == 2
    assert run(cache, out, model=model) == (0, [])
    assert losses(out) == losses(whole) and len(list((out / "tensorboard").iterdir())) == 1
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.parametrize(("room", "file"), [(20_000, r"states/state-00000002\.pt"), (400, r"tensorboard/\w+/events\.out.*")])
def test_a_full_disk_ends_in_one_line_and_leaves_nothing_half_written(cache, model, whole, tmp_path, room, file):
    out, settings = tmp_path / "run", SETTINGS.model_copy(update={"picture_every": 100, "workers": 0})
    code, lines = run(cache, out, settings, model, room)
    assert code == 2 and len(lines) == 1, lines
    assert re.match(f"error: {out}/{file}: cannot be written \\(file too large\\)", lines[0])
    assert not list(out.rglob("*.tmp")) and not list(out.rglob("*.pt")) and not (out / "model.safetensors").exists()
    assert len({len(row) for row in losses(out)}) <= 1
    assert run(cache, out, model=model) == (0, []) and losses(out) == losses(whole)


def test_a_shard_that_breaks_in_the_middle_ends_in_one_line_and_a_state(cache, model, whole, tmp_path):
    copy, out = tmp_path / "cache", tmp_path / "run"
    shutil.copytree(cache, copy)
    settings = SETTINGS.model_copy(update={"workers": 0, "save_every": 100})
    code, lines = run(copy, out, settings, model, preparation=BeforeStep(5, damage, copy))
    assert code == 2 and len(lines) == 1, lines
    assert re.match(rf"error: training stopped before step 6: {copy}/.*\.h5: .*(anna|ben|carl)", lines[0])
    assert lines[0].endswith(f"; the state before it is {out}/states/state-00000005.pt")
    shutil.rmtree(copy)
    shutil.copytree(cache, copy)
    assert run(copy, out, settings, model) == (0, []) and losses(out) == losses(whole)


def test_samples_that_cannot_be_read_at_all_leave_no_state(cache, tmp_path):
    copy, out = tmp_path / "cache", tmp_path / "run"
    shutil.copytree(cache, copy)
    damage(copy)
    code, lines = run(copy, out)
    assert code == 2 and len(lines) == 1, lines
    assert re.match(rf"error: training stopped before step 1: {copy}/.*\.h5: .*(anna|ben|carl)", lines[0])
    assert not (out / "states").exists() and not (out / "model.safetensors").exists()


def test_a_killed_loader_process_is_explained(cache, tmp_path):
    code, lines = run(cache, tmp_path / "run", preparation=BeforeStep(3, kill_loaders))
    assert code == 2 and len(lines) == 1, lines
    assert re.match(r"error: DataLoader worker .*(killed by signal: Killed|exited unexpectedly)\..*lower train\.workers", lines[0])
