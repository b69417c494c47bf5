"""What a training would cost, and that asking changes nothing."""

import re
from pathlib import Path

import pytest
import torch
from people import SIZE
from small_cache import small_cache
from tiny_model import MODELS, changed
from torch.utils.flop_counter import FlopCounterMode

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from dwnet.cli.main import SUBCOMMANDS, SUMMARY
from dwnet.config import LossSettings, TrainSettings
from dwnet.training import plan as module
from dwnet.training.data import BatchOrder, SampleDataset, batches, to_device_batch
from dwnet.training.distributed import alone
from dwnet.training.loop import build_networks, train
from dwnet.training.plan import step_cost, train_plan
from dwnet.training.step import TrainStep

CPU = torch.device("cpu")
MODEL = MODELS["dwnet"]
LOSSES = LossSettings(gan=1.0, feature_matching=10.0, perceptual=1.0, warp=1.0, l1=1.0)
SETTINGS = TrainSettings(steps=6, batch=2, losses=LOSSES, features="embedded", workers=0, threads=1, device="cpu", save_every=4)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    small_cache(folder)
    return folder


def _networks(settings=SETTINGS, model=MODEL):
    return build_networks(model, settings, Path("weights"), CPU)


@pytest.mark.parametrize(
    ("generator", "update", "backward", "options"),
    [
        ("dwnet", "sample", "sample", {}),
        pytest.param("dwnet", "sample", "frame", {}, marks=pytest.mark.slow),
        pytest.param("dwnet", "frame", "sample", {}, marks=pytest.mark.slow),
        pytest.param("dwnet", "sample", "sample", {"iuv_input": "one_hot", "visibility": True}, marks=pytest.mark.slow),
        pytest.param("compose", "sample", "sample", {}, marks=pytest.mark.slow),
        ("compose", "sample", "frame", {}),
        pytest.param("compose", "frame", "sample", {}, marks=pytest.mark.slow),
    ],
)
def test_a_step_costs_what_a_real_step_does(cache, generator, update, backward, options):
    model, settings = changed(generator, **options), SETTINGS.model_copy(update={"update": update, "backward": backward})
    nets = _networks(settings, model)
    cost = step_cost(nets, model, settings, 2, SIZE, "32-true")
    data = SampleDataset(cache / "train.h5", 3, filled=generator == "compose")
    (raw,) = batches(data, BatchOrder(data.epochs, 2, 0, 0, 1), 0, pin=False)
    batch = to_device_batch(raw, CPU, model.visibility)
    known = {
        tensor.untyped_storage()._cdata for part in (nets.generator, nets.discriminator, nets.features) for tensor in part.parameters()
    }
    kept, of_source, sizes = {}, {}, []

    class Watched(TrainStep):
        def prepare(self, *arguments, **options):
            result = super().prepare(*arguments, **options)
            of_source.clear()
            of_source.update(kept)  # stays until all frames of the update are done
            return result

        def backward(self, *arguments):
            sizes.append(sum(tensor.untyped_storage().nbytes() for key, tensor in (kept | of_source).items() if key not in known))
            kept.clear()
            return super().backward(*arguments)

    def keep(tensor):
        kept[tensor.untyped_storage()._cdata] = tensor
        return tensor

    step = Watched(nets, model, settings, alone(CPU, "32-true"))
    with FlopCounterMode(display=False) as counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step(batch)
    inputs = sum(value.numel() * value.element_size() for value in vars(batch).values() if isinstance(value, torch.Tensor))
    assert len(sizes) == (3 if "frame" in (update, backward) else 1)
    assert cost.operations == counter.get_total_flops()
    assert cost.activations == pytest.approx(max(sizes) + inputs, rel=0.01)
    learning = sum(weight.numel() for part in (nets.generator, nets.discriminator) for weight in part.parameters())
    assert cost.weights == 16 * learning + sum(4 * weight.numel() for weight in nets.features.state_dict().values())


@pytest.mark.slow
def test_the_cost_grows_with_the_samples_and_falls_with_the_precision(model):
    nets = _networks(model=model)
    one, two, half = (step_cost(nets, model, SETTINGS, n, 128, kind) for n, kind in ((1, "32-true"), (2, "32-true"), (1, "bf16-mixed")))
    assert two.operations == 2 * one.operations == 2 * half.operations
    assert two.activations == pytest.approx(2 * one.activations, rel=0.01)
    assert two.weights == one.weights and 0.4 * one.activations < half.activations < 0.9 * one.activations


def _tree(folder: Path) -> dict:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def _plan(cache, out, settings=SETTINGS, model=MODEL) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in train_plan(cache / "train.h5", out, model, settings, Path("weights")))


def test_a_plan_says_what_would_be_done_and_writes_nothing(cache, tmp_path, model):
    before = _tree(cache), _tree(tmp_path)
    plan = _plan(cache, tmp_path / "run" / "model.safetensors", model=model)
    assert (_tree(cache), _tree(tmp_path)) == before
    assert list(plan) == ["data", "training", "networks", "step", "memory", "time"]
    assert "3 clips, 30 frames of 64 x 64 pixels; 24 samples of 3 frames in 1 drawn epochs" in plan["data"]
    assert plan["training"] == "6 steps of 2 samples; starts afresh"
    assert re.fullmatch(
        r"generator 0\.0\d M parameters, discriminator 0\.0\d M parameters, efficientnet_lite0 \d\.\d\d M parameters", plan["networks"]
    )
    assert re.match(r"about 00:00:\d\d for 6 steps, an estimate: a step takes [\d.]+ s on this cpu \(the median of 3, ", plan["time"])


def test_a_plan_counts_the_passes_of_each_frame(cache, tmp_path):
    plans = [_plan(cache, tmp_path / "m", SETTINGS.model_copy(update={"backward": name}))["memory"] for name in ("sample", "frame")]
    parts = re.compile(r"GB for (the backward pass|a backward pass for each frame) of 2 samples; ")
    assert [parts.search(memory)[1] for memory in plans] == ["the backward pass", "a backward pass for each frame"]
    sample, frame = (float(re.search(r"moments, ([\d.]+) GB", memory)[1]) for memory in plans)
    assert frame < sample / 2


def test_a_plan_knows_of_the_states_that_are_there(cache, tmp_path, model):
    out = tmp_path / "model.safetensors"
    train(cache / "train.h5", out, model, SETTINGS)
    before = _tree(tmp_path)
    assert "only has to be written out" in _plan(cache, out, model=model)["time"]
    (tmp_path / "states" / "state-00000006.pt").rename(tmp_path / "aside")
    plan = _plan(cache, out, SETTINGS.model_copy(update={"devices": 2}), model)
    assert plan["training"].startswith("6 steps of 2 samples, 1 on each of 2 devices of 1 nodes; goes on from ")
    assert plan["training"].endswith("state-00000004.pt, 2 steps are left") and "what devices exchange comes on top" in plan["time"]
    (tmp_path / "aside").rename(tmp_path / "states" / "state-00000006.pt")
    assert set(_tree(tmp_path)) == set(before)


def test_a_step_that_does_not_fit_is_not_tried(cache, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "free_memory", lambda _device: 1_000_000)
    assert _plan(cache, tmp_path / "model.safetensors")["time"] == "not measured, since only 0.0 GB are free on this cpu"


def test_the_subcommand_prints_the_plan_with_every_data_set(cache, tmp_path, capsys):
    small_cache(tmp_path / "other", size=32, frames=5)
    arguments = ["train", "--dry-run", "--out", tmp_path / "run" / "m"]
    arguments += ["--data", cache / "train.h5", "--data", tmp_path / "other" / "train.h5"]
    arguments += ["--model", MODEL.model_dump_json(), "--settings", SETTINGS.model_dump_json()]
    assert run_subcommands(SUMMARY, SUBCOMMANDS, list(map(str, arguments))) == 0
    lines = [line.split(": ", 1) for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in lines] == ["data", "data", "training", "networks", "step", "memory", "time"]
    assert lines[0][1].startswith(f"{cache}/train.h5: 3 clips, 30 frames of 64 x 64 pixels; 24 samples ")
    assert lines[1][1].startswith(f"{tmp_path}/other/train.h5: 3 clips, 18 frames of 32 x 32 pixels; 12 samples ")
    assert not (tmp_path / "run").exists()


def test_a_plan_stops_where_the_training_would(cache, tmp_path):
    with pytest.raises(InputError, match="vgg19"):
        _plan(cache, tmp_path / "model.safetensors", SETTINGS.model_copy(update={"features": "vgg19"}))
