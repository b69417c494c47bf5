"""Files of an earlier version: a cache with filtered shards, the state of a training under way, models, a rollout and its metrics.

`made_before.tar.xz` holds four clips of 64x64 pixels and what was made of them by the version of 2026-11-28, before its modules moved.
"""

import hashlib
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_model import MODELS
from trainer import losses, run

from densepose_cache.cache.reader import SplitReader
from densepose_cache.cache.verify import expected_stage, verify
from densepose_cache.storage.reuse import keep
from dwnet.config import EvaluateSettings
from dwnet.evaluation.evaluate import evaluate
from dwnet.evaluation.metrics_file import read_metrics
from dwnet.inference import rollout as module
from dwnet.model.checkpoint import load_model


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(Path(__file__).with_name("made_before.tar.xz")) as file:
        file.extraction_filter = getattr(tarfile, "data_filter", None)  # not in every Python 3.11
        file.extractall(folder)
    return folder


def test_every_file_of_a_cache_is_whole(before):
    files = [path for path in (before / "cache").rglob("*.h5") if not path.name.startswith(".")]
    assert len(files) == 8 and all(verify(path, expected_stage(path)) for path in files)


def _digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_cache_reads_as_it_did(before, split):
    expected = json.loads((before / "arrays.json").read_text())
    with SplitReader(before / "cache" / f"{split}.h5") as reader:
        for clip in reader.clips:
            every = slice(0, reader.length(clip))
            grids = np.stack([reader.grid(clip, *pair) for pair in reader.pairs(clip)])
            found = {"frames": reader.frames(clip, every), "iuv": reader.iuv(clip, every), "grids": grids}
            assert {name: _digest(array) for name, array in found.items()} == expected[clip]
        assert reader.clips


def test_a_training_goes_on_from_its_state(before, tmp_path):
    """With the losses of the training that was never stopped, up to what another processor rounds differently."""
    out = tmp_path / "run"
    (out / "states").mkdir(parents=True)
    (out / "states" / "state-00000006.pt").write_bytes((before / "states" / "state-00000006.pt").read_bytes())
    assert run(before / "cache", out, model=MODELS["dwnet"]) == (0, [])
    (*names, whole), (*found, rows) = (_columns(table) for table in (json.loads((before / "losses.json").read_text()), losses(out)))
    assert names == found and (rows[:6] == whole[:6]).all()
    np.testing.assert_allclose(rows, whole, rtol=1e-3)


def _columns(table: list[list[str]]) -> tuple:
    return *table[0], np.array(table[1:], float)


@pytest.mark.parametrize("name", ["run/model.safetensors", "compose.safetensors"])
def test_a_model_loads(before, name):
    generator, facts = load_model(before / name)
    assert facts["steps"] == 9 and not generator.training


def test_a_rollout_is_taken_over_and_measured_alike(before, tmp_path, monkeypatch):
    torch.set_num_threads(1)
    folder, data = before / "run", before / "cache" / "test.h5"
    keep(folder / "rollout.h5")
    monkeypatch.setattr(module, "generate_frames", lambda *_: pytest.fail("frames are generated anew"))
    module.rollout(str(folder / "model.safetensors"), data, EvaluateSettings(), folder / "rollout.h5")
    earlier, weights = read_metrics(folder / "metrics.json"), tmp_path / "weights"
    weights.mkdir()
    settings = EvaluateSettings(features="embedded")
    now = evaluate(folder / "rollout.h5", data, str(folder / "model.safetensors"), settings, weights, tmp_path / "metrics.json")
    for name, value in earlier["metrics"].items():
        assert now["metrics"][name]["value"] == pytest.approx(value["value"], rel=1e-3), name
