"""What a training computes in: who decides, what is remembered, and where it is said."""

import re
from pathlib import Path

import pytest
import torch
from small_cache import small_cache
from tiny_model import MODELS

from dwnet.config import GENERATORS, LossSettings, TrainSettings
from dwnet.core import device
from dwnet.core.device import FABRIC_PRECISION, bf16_is_faster, pick_precision
from dwnet.model.checkpoint import load_model
from dwnet.training import loop
from dwnet.training.checkpoints import read_state
from dwnet.training.distributed import alone
from dwnet.training.plan import train_plan

CPU, GPU = torch.device("cpu"), torch.device("cuda")
COMPOSE = MODELS["compose"]
AUTO = TrainSettings(
    steps=4,
    batch=1,
    targets=2,
    losses=LossSettings(gan=0.0, feature_matching=0.0, perceptual=0.0, l1=1.0),
    workers=0,
    threads=1,
    device="cpu",
    save_every=2,
    log_every=1,
    picture_every=100,
)


def be(monkeypatch, tiles: bool, faster: bool, gpu: bool = False):
    """Be a machine whose CPU has AMX tiles, where bf16 is faster, whose GPU has bf16."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    monkeypatch.setattr(device, "bf16_is_faster", lambda: faster)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: gpu)


def auto(monkeypatch, generator: str, device: torch.device = CPU, kept: str | None = None, **changes) -> dict[tuple, str]:
    """What `auto` comes to by the machine: (tiles, faster, GPU with bf16)."""
    found = {}
    for machine in [(tiles, faster, gpu) for tiles in (False, True) for faster in (False, True) for gpu in (False, True)]:
        be(monkeypatch, *machine)
        found[machine] = pick_precision(TrainSettings(**changes), generator, device, kept)
    return found


def test_a_cpu_takes_bf16_by_itself_for_what_copies_where_its_tiles_make_it_faster(monkeypatch):
    for (tiles, faster, _), found in auto(monkeypatch, "compose").items():
        assert found == ("bf16" if tiles and faster else "fp32")
    assert set(auto(monkeypatch, "dwnet").values()) == {"fp32"}
    for shared in ({"devices": 2}, {"nodes": 2}):
        assert set(auto(monkeypatch, "compose", **shared).values()) == {"fp32"}, "several processes may run on several kinds of CPU"


def test_a_cpu_without_tiles_is_not_measured(monkeypatch):
    be(monkeypatch, tiles=False, faster=True)
    monkeypatch.setattr(device, "bf16_is_faster", lambda: pytest.fail("measured"))
    assert pick_precision(TrainSettings(), "compose", CPU) == "fp32"


@pytest.mark.parametrize("name", GENERATORS)
def test_a_gpu_takes_bf16_by_itself_where_it_has_it(monkeypatch, name):
    for (*_, has), found in auto(monkeypatch, name, GPU).items():
        assert found == ("bf16" if has else "fp32")


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("wanted", FABRIC_PRECISION)
def test_what_is_said_wins_and_then_what_was_begun(monkeypatch, name, device, wanted):
    other = next(precision for precision in FABRIC_PRECISION if precision != wanted)
    for kept in (None, wanted, other):
        assert set(auto(monkeypatch, name, device, kept, precision=wanted).values()) == {wanted}
    assert set(auto(monkeypatch, name, device, wanted).values()) == {wanted}


def test_the_measurement_says_yes_or_no():
    assert type(bf16_is_faster(tries=1)) is bool


@pytest.mark.parametrize(("name", "theirs"), FABRIC_PRECISION.items())
def test_a_group_says_what_it_computes_in(name, theirs):
    assert alone(CPU, theirs).precision == name


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    small_cache(folder, frames=5, size=32)
    return folder


def train(cache: Path, folder: Path, settings: TrainSettings = AUTO):
    loop.train(cache / "train.h5", folder / "model.safetensors", COMPOSE, settings)


def losses(folder: Path) -> list[list[str]]:
    rows = [line.split(",") for line in (folder / "train_log.csv").read_text().splitlines()]
    return [row[:1] + row[2:] for row in rows]


def plan(cache: Path, folder: Path) -> str:
    """The line of the step."""
    lines = train_plan(cache / "train.h5", folder / "model.safetensors", COMPOSE, AUTO, Path("weights"))
    return next(line for line in lines if line.startswith("step: "))


def test_a_training_begun_in_bf16_goes_on_in_it_on_a_cpu_that_would_not_take_it(cache, tmp_path, monkeypatch, capsys):
    """State, model and progress say so; the losses are those of a training that nobody moved."""
    be(monkeypatch, tiles=True, faster=True)
    train(cache, tmp_path / "whole")
    assert load_model(tmp_path / "whole")[1]["precision"] == "bf16"
    assert re.search(r"4/4 steps .* bf16 \| ", capsys.readouterr().err)

    moved, real, count = tmp_path / "moved", loop.to_device_batch, []

    def dying(*arguments):
        count.append(1)
        if len(count) > 3:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "to_device_batch", dying)
        with pytest.raises(KeyboardInterrupt):
            train(cache, moved)
    be(monkeypatch, tiles=False, faster=False)
    assert read_state(moved / "states" / "state-00000002.pt")["precision"] == "bf16" and plan(cache, moved).endswith("; bf16")
    capsys.readouterr()
    train(cache, moved)
    assert re.search(r"4/4 steps .* bf16 \| ", capsys.readouterr().err)
    assert losses(moved) == losses(tmp_path / "whole") and len(losses(moved)) == 5
    assert (moved / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    (moved / "model.safetensors").unlink()
    train(cache, moved)
    assert load_model(moved)[1]["precision"] == "bf16", "written out once more"


def test_a_state_of_before_that_says_nothing_goes_on_as_the_machine_has_it(cache, tmp_path, monkeypatch, capsys):
    be(monkeypatch, tiles=False, faster=False)
    train(cache, tmp_path)
    assert load_model(tmp_path)[1]["precision"] == "fp32" and plan(cache, tmp_path).endswith("; fp32")
    assert re.search(r"4/4 steps .* fp32 \| ", capsys.readouterr().err)
    for path in (tmp_path / "states").iterdir():
        state = read_state(path)
        assert state.pop("precision") == "fp32"
        torch.save(state, path)
    (tmp_path / "model.safetensors").unlink()
    train(cache, tmp_path)
    assert load_model(tmp_path)[1]["precision"] == "fp32"
    wanted = losses(tmp_path)
    (tmp_path / "states" / "state-00000004.pt").unlink()
    train(cache, tmp_path)
    assert losses(tmp_path) == wanted and read_state(tmp_path / "states" / "state-00000004.pt")["precision"] == "fp32"
