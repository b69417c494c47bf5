"""Trainings of several processes, which share every batch."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.environments import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment
from pydantic import ValidationError
from tiny_model import MODELS
from trainer import (
    SETTINGS,
    BeforeStep,
    Environment,
    break_losses,
    break_reading,
    losses,
    note_process,
    run,
    said,
    signal_myself,
    start,
    states,
)

from densepose_cache.core.errors import InputError
from dwnet.config import TrainSettings
from dwnet.model.checkpoint import load_model
from dwnet.training.checkpoints import read_state
from dwnet.training.distributed import cluster_environment

TWO = SETTINGS.model_copy(update={"devices": 2, "batch": 4, "steps": 6, "workers": 0})


@pytest.fixture(scope="module")
def pair(cache, tmp_path_factory):
    """Folder of a training of two processes that nobody has disturbed."""
    out = tmp_path_factory.mktemp("pair")
    assert run(cache, out, TWO) == (0, [])
    return out


@pytest.mark.slow
def test_the_subcommand_trains_in_two_processes_to_its_end(cache, tmp_path):
    """As a user calls it: the one that starts them holds the lock on the model while they write it."""
    out, settings = tmp_path / "run", TWO.model_copy(update={"steps": 2})
    arguments = ["--data", cache / "train.h5", "--out", out / "model.safetensors"]
    arguments += ["--model", MODELS["dwnet"].model_dump_json(), "--settings", settings.model_dump_json()]
    done = subprocess.run([sys.executable, "-m", "dwnet.cli", "train", *arguments], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and "waiting for" not in done.stderr, done.stderr
    assert load_model(out)[1]["steps"] == 2 and states(out) == ["state-00000002.pt"]
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]


def _assert_close(found: list[list[str]], wanted: list[list[str]], tolerance: float):
    assert found[0] == wanted[0] and len(found) == len(wanted) > 1
    for row, other in zip(found[1:], wanted[1:], strict=True):
        assert [float(value) for value in row] == pytest.approx([float(value) for value in other], rel=tolerance)


def _moments(out: Path) -> list[torch.Tensor]:
    """Adam's running mean of the gradients of generator and discriminator after the first step, each as one vector."""
    optimizers = read_state(out / "states" / "state-00000001.pt")["optimizers"]
    return [torch.cat([values["exp_avg"].flatten() for values in optimizer["state"].values()]) for optimizer in optimizers]


@pytest.mark.parametrize(
    ("update", "backward", "tolerance"),
    [
        ("sample", "sample", 1e-4),
        pytest.param("sample", "frame", 1e-4, marks=pytest.mark.slow),
        pytest.param("frame", "sample", 5e-2, marks=pytest.mark.slow),
    ],
)
def test_two_processes_with_half_of_each_batch_learn_the_same_as_one(cache, model, tmp_path, update, backward, tolerance):
    """The gradients, too: Adam would hide a wrong factor. With three updates a step, rounding grows through Adam's first steps.

    One process takes all frames in one backward pass. The heads in the halves of a batch differ in size.
    """
    losses_ = TWO.losses.model_copy(update={"l1_body": 1.0, "l1_head": 1.0})
    settings = TWO.model_copy(update={"batch": 8, "steps": 2, "update": update, "save_every": 1, "losses": losses_})
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(cache, one, settings.model_copy(update={"devices": 1}), model) == (0, [])
    assert run(cache, two, settings.model_copy(update={"backward": backward}), model) == (0, [])
    _assert_close(losses(two)[:2], losses(one)[:2], 2e-4)
    _assert_close(losses(two), losses(one), 2e-3)
    assert states(two) == states(one) == ["state-00000001.pt", "state-00000002.pt"]
    for found, wanted in zip(_moments(two), _moments(one), strict=True):
        assert (found - wanted).norm() < tolerance * wanted.norm()


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_process_stops_all_at_the_same_step(cache, pair, tmp_path, rank):
    out = tmp_path / "run"
    settings = TWO.model_copy(update={"workers": 1})
    code, lines = run(cache, out, settings, preparation=BeforeStep(3, signal_myself, signal.SIGUSR1, rank=rank))
    assert (code, lines) == (75, []) and states(out) == ["state-00000002.pt", "state-00000003.pt"]
    assert run(cache, out, TWO) == (0, [])
    assert losses(out) == losses(pair)
    assert (out / "model.safetensors").read_bytes() == (pair / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_one_process_goes_on_from_a_state_of_two(cache, pair, tmp_path):
    out = tmp_path / "run"
    assert run(cache, out, TWO, preparation=BeforeStep(3, signal_myself, signal.SIGTERM, rank=0)) == (75, [])
    assert run(cache, out, TWO.model_copy(update={"devices": 1})) == (0, [])
    assert losses(out)[:4] == losses(pair)[:4]
    _assert_close(losses(out), losses(pair), 2e-3)


@pytest.mark.slow
def test_a_loss_that_breaks_in_one_process_stops_all_with_all_clips(cache, tmp_path):
    code, lines = run(cache, tmp_path / "run", TWO, preparation=BeforeStep(4, break_losses, rank=1))
    assert code == 2 and len(lines) == 1, lines
    clips = r"\(clips (\w+, ){3}\w+\)"
    assert re.match(rf"error: training stopped at step 4: total is nan, gan is nan, gradient is nan {clips}; the state before", lines[0])
    assert states(tmp_path / "run") == ["state-00000002.pt", "state-00000003.pt"]


@pytest.mark.slow
def test_samples_that_one_process_cannot_read_stop_all(cache, tmp_path):
    code, lines = run(cache, tmp_path / "run", TWO, preparation=BeforeStep(3, break_reading, rank=1))
    assert code == 2 and len(lines) == 1, lines
    assert re.match(r"error: training stopped before step 4: train\.h5: clip anna cannot be read.*state-00000003\.pt$", lines[0])


@pytest.mark.slow
def test_the_end_of_one_process_ends_the_training_with_one_line(cache, pair, tmp_path):
    out = tmp_path / "run"
    code, lines = run(cache, out, TWO, preparation=BeforeStep(5, signal_myself, signal.SIGKILL, rank=1))
    assert code == 2 and len(lines) == 1, lines
    assert lines[0].startswith("error: process 1 of the training was ended by SIGKILL")
    assert run(cache, out, TWO) == (0, []) and losses(out) == losses(pair)


@pytest.mark.slow
def test_the_processes_end_with_the_one_that_started_them(cache, tmp_path):
    settings = TWO.model_copy(update={"steps": 100_000})
    parent = start(cache, tmp_path / "run", settings, preparation=BeforeStep(1, note_process, tmp_path))
    deadline = time.monotonic() + 600

    def found() -> list[int]:
        return [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()]

    while len(found()) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    parent.kill()
    parent.join()
    assert len(found()) == 2 and parent.pid not in found()
    while any(_alive(process) for process in found()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(process) for process in found())


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


SLURM = {"SLURM_STEP_NUM_TASKS": 2, "SLURM_NTASKS": 2, "SLURM_NTASKS_PER_NODE": 1, "SLURM_NNODES": 2, "SLURM_JOB_ID": 4711}


@pytest.mark.slow
def test_two_nodes_of_slurm_train_together(cache, pair, tmp_path):
    """Two processes as srun would start them, on two nodes that are both this machine."""
    settings, out, port = TWO.model_copy(update={"devices": 1, "nodes": 2}), tmp_path / "run", LightningEnvironment().main_port
    processes, words = [], [tmp_path / "0.txt", tmp_path / "1.txt"]
    for number in (0, 1):
        place = {"SLURM_PROCID": number, "SLURM_NODEID": number, "SLURM_LOCALID": 0, "SLURM_NODELIST": "127.0.0.1", "MASTER_PORT": port}
        processes.append(start(cache, out, settings, preparation=Environment(**SLURM, **place), words=words[number]))
    for process in processes:
        process.join(600)
    assert [(process.exitcode, said(path)) for process, path in zip(processes, words, strict=True)] == [(0, []), (0, [])]
    assert losses(out) == losses(pair)


TORCHRUN = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("environ", "devices", "nodes", "kind"),
    [
        ({}, 2, 1, None),
        ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, 2, 1, None),
        ({**SLURM, "SLURM_STEP_NUM_TASKS": 1}, 1, 1, None),
        ({**TORCHRUN, "WORLD_SIZE": "1", "RANK": "0"}, 2, 1, None),
        (SLURM, 1, 2, SLURMEnvironment),
        (TORCHRUN, 2, 2, TorchElasticEnvironment),
        ({**SLURM, **TORCHRUN}, 4, 1, TorchElasticEnvironment),
    ],
)
def test_what_started_a_process_is_read_from_its_environment(environ, devices, nodes, kind):
    found = cluster_environment(devices, nodes, {name: str(value) for name, value in environ.items()})
    assert type(found) is (kind or type(None))


@pytest.mark.parametrize(
    ("environ", "devices", "nodes", "message"),
    [
        (TORCHRUN, 2, 1, r"4 processes were started, but train\.devices x train\.nodes is 2 x 1; .*torchrun --nnodes 1 --nproc-per-node 2"),
        (SLURM, 1, 1, r"2 processes were started, but .* 1 x 1; .*srun --nodes 1 --ntasks-per-node 1"),
        ({**SLURM, "SLURM_NTASKS_PER_NODE": 2}, 1, 2, r"srun --nodes 2 --ntasks-per-node 1"),
    ],
)
def test_processes_that_do_not_fit_the_settings_are_refused(environ, devices, nodes, message):
    with pytest.raises(InputError, match=message):
        cluster_environment(devices, nodes, {name: str(value) for name, value in environ.items()})


def test_several_nodes_are_not_started_from_one(cache, tmp_path):
    code, lines = run(cache, tmp_path / "run", TWO.model_copy(update={"devices": 1, "nodes": 2}))
    assert code == 2 and len(lines) == 1 and "srun --nodes 2 --ntasks-per-node 1 dwnet train" in lines[0], lines
    assert not (tmp_path / "run").exists()


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(ValidationError, match="batch is 8, which 3 devices x 1 nodes cannot share evenly"):
        TrainSettings(devices=3)
