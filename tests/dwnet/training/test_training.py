import csv
import logging
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from pydantic import ValidationError
from small_cache import small_cache
from tiny_model import MODELS

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from dwnet.cli.main import SUBCOMMANDS, SUMMARY
from dwnet.config import LossSettings, TrainSettings
from dwnet.model.build import build_generator
from dwnet.model.checkpoint import load_model, read_discriminator
from dwnet.training import loop
from dwnet.training import step as step_module
from dwnet.training.checkpoints import latest_state
from dwnet.training.compiled import compile_step

MODEL = MODELS["dwnet"]
FAST = TrainSettings(
    steps=6,
    batch=2,
    targets=3,
    losses=LossSettings(gan=1.0, feature_matching=10.0, perceptual=0.0, warp=0.0, l1=1.0),
    workers=0,
    threads=1,
    device="cpu",
    precision="fp32",
    save_every=3,
    log_every=2,
    picture_every=4,
)


@pytest.fixture(scope="module")
def smaller(tmp_path_factory):
    """Another cache, of smaller frames."""
    folder = tmp_path_factory.mktemp("smaller")
    small_cache(folder, frames=5, size=32)
    return folder


def _train(cache, out, settings=FAST, model=MODEL):
    loop.train(cache / "train.h5", out, model, settings)


def _log(folder) -> list[dict]:
    """Rows of the training log without the time they took."""
    with (folder / "train_log.csv").open() as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def finished(cache, tmp_path_factory, model):
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole") / "model.safetensors"
    _train(cache, out, FAST, model)
    return out


class Killed(BaseException):
    pass


def _kill_after(monkeypatch, steps: int):
    """Make the training die like a killed process at the start of step `steps` + 1."""
    count, real = [0], loop.to_device_batch

    def dying(*arguments):
        count[0] += 1
        if count[0] > steps:
            raise Killed
        return real(*arguments)

    monkeypatch.setattr(loop, "to_device_batch", dying)


def test_a_training_leaves_model_discriminator_log_and_two_states(model, finished):
    generator, facts = load_model(finished)
    discriminator, _ = read_discriminator(finished.parent)
    assert generator.settings == discriminator.settings == model and not generator.training
    assert facts["steps"] == 6 and facts["train"]["batch"] == 2 and len(facts["fingerprint"]) == 64 and "torch" in facts["versions"]
    assert sorted(path.name for path in (finished.parent / "states").iterdir()) == ["state-00000003.pt", "state-00000006.pt"]
    rows = _log(finished.parent)
    assert [row["step"] for row in rows] == ["2", "4", "6"]
    assert set(rows[0]) == {"step", "learning_rate", "total", "gan", "feature_matching", "l1", "critic_fake", "critic_real"}
    assert [float(row["learning_rate"]) for row in rows] == pytest.approx([2e-4 * k / 6 for k in (5, 3, 1)])
    assert any((finished.parent / "tensorboard").iterdir())
    assert not [path for path in finished.parent.rglob("*.tmp")]


@pytest.mark.parametrize("killed_after", [3, 5])
def test_a_resumed_training_repeats_the_losses_bit_for_bit(cache, model, finished, tmp_path, monkeypatch, killed_after):
    with monkeypatch.context() as patch:
        _kill_after(patch, killed_after)
        with pytest.raises(Killed):
            _train(cache, tmp_path / "model.safetensors", FAST, model)
    assert not (tmp_path / "model.safetensors").exists()
    _train(cache, tmp_path / "model.safetensors", FAST, model)
    assert _log(tmp_path) == _log(finished.parent)
    resumed, whole = load_model(tmp_path)[0].state_dict(), load_model(finished)[0].state_dict()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


def test_two_data_sets_of_different_sizes_train_one_model(cache, smaller, model, tmp_path, monkeypatch):
    """They take turns; a training that dies between them goes on with the one whose turn it is."""
    settings = FAST.model_copy(update={"save_every": 3, "log_every": 1})
    arguments = ["train", "--data", cache / "train.h5", "--data", smaller / "train.h5"]
    arguments += ["--model", model.model_dump_json(), "--settings", settings.model_dump_json(), "--out"]
    sizes, real = [], loop.to_device_batch
    with monkeypatch.context() as patch:
        patch.setattr(loop, "to_device_batch", lambda raw, *more: (sizes.append(raw["source"].shape[1]), real(raw, *more))[1])
        assert run_subcommands(SUMMARY, SUBCOMMANDS, list(map(str, [*arguments, tmp_path / "whole" / "model.safetensors"]))) == 0
    assert sizes == [64, 32, 64, 32, 64, 32]
    out = tmp_path / "killed" / "model.safetensors"
    with monkeypatch.context() as patch:
        _kill_after(patch, 4)
        with pytest.raises(Killed):
            loop.train([cache / "train.h5", smaller / "train.h5"], out, model, settings)
    loop.train([cache / "train.h5", smaller / "train.h5"], out, model, settings)
    assert _log(out.parent) == _log(tmp_path / "whole") and len(_log(out.parent)) == 6
    assert out.read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    facts = load_model(out)[1]
    assert facts["size"] == 64
    loop.train(cache / "train.h5", out, model, settings.model_copy(update={"steps": 6}))
    assert load_model(out)[1]["fingerprint"] != facts["fingerprint"], "another training"


def test_loader_processes_do_not_change_the_result(cache, model, finished, tmp_path):
    _train(cache, tmp_path / "model.safetensors", FAST.model_copy(update={"workers": 2}), model)
    assert _log(tmp_path) == _log(finished.parent)


def test_a_truncated_state_is_skipped(cache, model, finished, tmp_path, caplog):
    out = tmp_path / "model.safetensors"
    _train(cache, out, FAST, model)
    newest = tmp_path / "states" / "state-00000006.pt"
    newest.write_bytes(newest.read_bytes()[:2000])
    out.unlink()
    with caplog.at_level(logging.WARNING):
        _train(cache, out, FAST, model)
    assert str(newest) in caplog.text and "skipped" in caplog.text
    assert _log(tmp_path) == _log(finished.parent) and out.is_file()


def test_other_settings_start_afresh(cache, tmp_path):
    out = tmp_path / "model.safetensors"
    _train(cache, out, FAST.model_copy(update={"steps": 4}))
    old = {path.name for path in (tmp_path / "states").iterdir()}
    assert old == {"state-00000003.pt", "state-00000004.pt"}
    settings = FAST.model_copy(update={"steps": 2, "learning_rate": 1e-3})
    _train(cache, out, settings)
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["state-00000002.pt"]
    assert load_model(out)[1]["train"]["learning_rate"] == 1e-3
    assert [row["step"] for row in _log(tmp_path)] == ["2"]


def test_weights_that_fly_apart_stop_with_a_state(cache, model, tmp_path):
    """Refined grids that are not finite once ended the process inside PyTorch."""
    with pytest.raises(InputError, match=r"training stopped at step [2-9]: .* is (nan|inf)"):
        _train(cache, tmp_path / "model.safetensors", FAST.model_copy(update={"learning_rate": 1e30}), model)
    assert len(list((tmp_path / "states").iterdir())) >= 1


def test_a_finished_training_is_written_out_at_once(cache, model, finished, tmp_path, monkeypatch):
    (tmp_path / "states").symlink_to(finished.parent / "states")
    monkeypatch.setattr(loop, "build_networks", lambda *_: pytest.fail("trained again"))
    _train(cache, tmp_path / "model.safetensors", FAST.model_copy(update={"workers": 1, "log_every": 7, "save_every": 9}), model)
    again, whole = load_model(tmp_path)[0].state_dict(), load_model(finished)[0].state_dict()
    assert all(torch.equal(again[name], whole[name]) for name in whole)
    assert (tmp_path / "critic.safetensors").is_file()


def test_a_loss_that_explodes_stops_with_a_state(cache, tmp_path, monkeypatch):
    """From the state it goes on, as if nothing had happened, once more is allowed."""
    real = step_module.feature_matching
    calls = []

    def exploding(fake, real_features):
        calls.append(1)
        return real(fake, real_features) * (50 if len(calls) == 25 else 1)

    settings = FAST.model_copy(update={"steps": 26, "explosion": 10.0, "save_every": 100})
    monkeypatch.setattr(step_module, "feature_matching", exploding)
    with pytest.raises(InputError, match=r"step 25: total is [\d.]+ and may be [\d.]+ at most.*train\.explosion") as caught:
        _train(cache, tmp_path / "model.safetensors", settings)
    assert f"the state before it is {tmp_path}/states/state-00000024.pt. Lower train.learning_rate, or raise" in str(caught.value)
    calls.clear()
    calls += [1] * 24
    _train(cache, tmp_path / "model.safetensors", settings.model_copy(update={"explosion": 1000.0}))
    assert [row["step"] for row in _log(tmp_path)] == [str(step) for step in range(2, 27, 2)]


def test_a_loss_that_is_not_finite_stops_with_a_state(cache, tmp_path, monkeypatch):
    real = step_module.feature_matching
    calls = []

    def breaking(fake, real_features):
        calls.append(1)
        return real(fake, real_features) * (float("nan") if len(calls) == 5 else 1)

    monkeypatch.setattr(step_module, "feature_matching", breaking)
    with pytest.raises(
        InputError, match=r"step 5: total is nan, feature_matching is nan, gradient is nan \(clips (anna|ben|carl), (anna|ben|carl)\)"
    ) as caught:
        _train(cache, tmp_path / "model.safetensors")
    assert "\n" not in str(caught.value) and not (tmp_path / "model.safetensors").exists()
    path, state = latest_state(tmp_path / "states", torch.load(tmp_path / "states/state-00000003.pt", weights_only=True)["fingerprint"])
    assert path.name == "state-00000004.pt" and state["step"] == 4
    monkeypatch.undo()
    _train(cache, tmp_path / "model.safetensors")
    assert len(_log(tmp_path)) == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_saves_the_state_and_exits_with_75(cache, model, finished, tmp_path, monkeypatch, number):
    real = loop.to_device_batch
    with monkeypatch.context() as patch:
        patch.setattr(loop, "to_device_batch", lambda *arguments: (os.kill(os.getpid(), number), real(*arguments))[1])
        handlers = [signal.getsignal(number)]
        with pytest.raises(SystemExit) as stopped:
            _train(cache, tmp_path / "model.safetensors", FAST, model)
        handlers.append(signal.getsignal(number))
    assert stopped.value.code == 75 and handlers[0] == handlers[1]
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["state-00000001.pt"]
    assert not (tmp_path / "model.safetensors").exists()
    _train(cache, tmp_path / "model.safetensors", FAST, model)
    assert _log(tmp_path) == _log(finished.parent)


@pytest.mark.parametrize("devices", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_subcommand_stops_on_a_signal_to_its_whole_group(cache, tmp_path, devices):
    settings = FAST.model_copy(update={"steps": 100_000, "save_every": 100_000, "log_every": 1, "workers": 1, "devices": devices})
    arguments = {"data": cache / "train.h5", "out": tmp_path / "model.safetensors"}
    arguments |= {"model": MODEL.model_dump_json(), "settings": settings.model_dump_json()}
    command = [sys.executable, "-m", "dwnet.cli", "train", *(str(part) for key, value in arguments.items() for part in (f"--{key}", value))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        log = tmp_path / "train_log.csv"
        while process.poll() is None and not (log.is_file() and log.read_text().count("\n") > 3):
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 75, errors
    (path,) = (tmp_path / "states").iterdir()
    assert torch.load(path, weights_only=True)["step"] == int(_log(tmp_path)[-1]["step"]) >= 3


@pytest.mark.parametrize("update", ["sample", "frame"])
def test_training_lowers_the_loss(cache, model, tmp_path, update):
    losses = LossSettings(gan=0.0, feature_matching=0.0, perceptual=0.0, warp=0.0, l1=1.0)
    changes = {"steps": 12, "learning_rate": 5e-3, "update": update, "losses": losses, "log_every": 3}
    _train(cache, tmp_path / "model.safetensors", FAST.model_copy(update=changes), model)
    rows = _log(tmp_path)
    assert set(rows[0]) == {"step", "learning_rate", "total", "l1"}
    assert float(rows[-1]["l1"]) < 0.8 * float(rows[0]["l1"])
    assert not (tmp_path / "critic.safetensors").exists()


@pytest.mark.parametrize("update", ["sample", "frame"])
def test_embedded_perceptual_and_warp_losses_are_logged_under_their_names(cache, model, tmp_path, update):
    losses = LossSettings(gan=0.0, feature_matching=0.0, perceptual=1.0, warp=1.0, l1=0.0)
    _train(
        cache,
        tmp_path / "model.safetensors",
        FAST.model_copy(update={"steps": 1, "losses": losses, "features": "embedded", "update": update}),
        model,
    )
    assert set(_log(tmp_path)[0]) == {"step", "learning_rate", "total", "perceptual_efficientnet_lite0", "warp"}


def test_missing_vgg_weights_stop_before_the_first_step(cache, tmp_path):
    settings = FAST.model_copy(update={"losses": LossSettings(perceptual=10.0)})
    with pytest.raises(InputError, match="vgg19"):
        _train(cache, tmp_path / "run" / "model.safetensors", settings)
    assert not (tmp_path / "run").exists()


def test_frames_too_small_for_a_loss_stop_before_the_first_step(cache, tmp_path):
    settings = FAST.model_copy(update={"losses": FAST.losses.model_copy(update={"warp": 1.0})})
    data = loop.TrainingData(cache / "train.h5", 3)
    data.parts[0].reader.size = 60
    with pytest.raises(InputError, match=r"train\.h5: the side of the frames is 60, but losses\.warp with features: vgg19 needs 64"):
        loop.plan_run(data, tmp_path / "model.safetensors", MODEL, settings)


def test_a_gpu_that_is_not_there_is_refused(cache, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("a CUDA device is there")
    with pytest.raises(InputError, match="CUDA"):
        _train(cache, tmp_path / "run" / "model.safetensors", FAST.model_copy(update={"device": "cuda"}))


def test_gradients_of_a_previous_frame_pass_only_if_asked(cache, model):
    (raw,) = loop.TrainingData(cache / "train.h5", 3, filled=model.generator == "compose").batches(1, 0, range(1), 0, pin=False)
    batch = loop.to_device_batch(raw, torch.device("cpu"))
    found = {}
    for detach in (True, False):
        torch.manual_seed(0)
        generator = build_generator(model)
        prepared = generator.prepare(batch.source, batch.plate, batch.source_iuv)
        frames = [result.frame for result in step_module.generate(generator, prepared, batch, range(3), None, detach)]
        (gradient,) = torch.autograd.grad(frames[2].sum(), frames[1], allow_unused=True)
        found[detach] = gradient is not None
    assert found == {True: False, False: True}


def test_bf16_autocast_stays_close_to_fp32(cache, model, finished, tmp_path):
    """The path that a GPU takes: networks in bf16, coordinates and losses in float32.

    What copies is nearly right from the start: its frames and the real ones differ by less than the discriminator's rounding then.
    """
    _train(cache, tmp_path / "model.safetensors", FAST.model_copy(update={"precision": "bf16", "steps": 2}), model)
    found, wanted = _log(tmp_path)[0], _log(finished.parent)[0]
    for name in ("total", "gan", "feature_matching", "l1", "critic_fake", "critic_real"):
        rounding = 0.02 if (model.generator, name) == ("compose", "feature_matching") else None
        assert found[name] != wanted[name], name
        assert float(found[name]) == pytest.approx(float(wanted[name]), rel=0.1, abs=rounding), name
    assert all(value.dtype == torch.float32 for value in load_model(tmp_path)[0].state_dict().values())


def test_a_step_that_cannot_be_compiled_ends_in_one_line(cache, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("no C compiler found")

    monkeypatch.setattr(loop, "compile_step", lambda step: compile_step(step, backend=broken))
    with pytest.raises(
        InputError, match=r"^the training step cannot be compiled here \(.*no C compiler found.*set train\.compile to none$"
    ):
        _train(cache, tmp_path / "model.safetensors", FAST.model_copy(update={"compile": "networks"}))
    torch.compiler.reset()


def test_a_gpus_graphs_are_refused_without_one(cache, tmp_path):
    with pytest.raises(InputError, match="records steps of a GPU"):
        _train(cache, tmp_path / "model.safetensors", FAST.model_copy(update={"compile": "graphs"}))
    with pytest.raises(ValidationError, match="one device"):
        TrainSettings(batch=8, devices=2, compile="graphs")


def test_a_gpus_graph_is_of_one_size_of_frames(cache, smaller, tmp_path):
    settings = FAST.model_copy(update={"compile": "graphs"})
    paths = [cache / "train.h5", smaller / "train.h5"]
    with pytest.raises(InputError, match=r"train\.compile is `graphs`, .* frames of one size, .* 64 and 32 pixels; set it to networks"):
        loop.train(paths, tmp_path / "run" / "model.safetensors", MODEL, settings)
    assert not (tmp_path / "run").exists()
