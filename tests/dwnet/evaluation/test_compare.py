"""Intervals in metrics.json, and two measured runs beside each other: known differences, words, what cannot be compared."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from small_cache import write_split
from tiny_model import save_tiny_model
from typer.testing import CliRunner

from densepose_cache.core.errors import InputError
from dwnet.cli import compare as subcommand
from dwnet.config import EvaluateSettings, ReportSettings
from dwnet.evaluation import evaluate as module
from dwnet.evaluation.bootstrap import mean_interval
from dwnet.evaluation.evaluate import evaluate
from dwnet.evaluation.keypoints import mediapipe_pose
from dwnet.evaluation.metrics.names import table
from dwnet.evaluation.paired_words import sentences
from dwnet.evaluation.runs import check_alike, load_run
from dwnet.inference.rollout import rollout
from dwnet.report.page import build_page

LENGTHS = {f"clip{number}": 3 for number in range(6)}
FRECHET = "frechet_efficientnet_lite0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs of random generators on six clips, and `few` on four of them, measured without a pose model."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mediapipe_pose, "TASK", folder / "no pose model")
        for name, lengths in {"a": LENGTHS, "b": LENGTHS, "few": dict(list(LENGTHS.items())[:4])}.items():
            run = folder / name
            run.mkdir()
            data = write_split(run / "test.h5", lengths)
            torch.manual_seed(ord(name[0]))
            measure(run, data, save_tiny_model(run / "model.safetensors"))
        yield folder


def measure(run, data, model, **settings):
    chosen = EvaluateSettings(features="embedded", resamples=200, **settings)
    rollout(model, data, chosen, run / "rollout.h5")
    return evaluate(run / "rollout.h5", data, model, chosen, run / "weights", run / "metrics.json")


def run_command(*arguments):
    app = typer.Typer()
    app.command()(subcommand.command)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_every_value_has_its_interval(folder):
    summary = json.loads((folder / "a/metrics.json").read_text())
    clips = pd.read_csv(folder / "a/clips.csv")
    assert summary["intervals"] == {"resamples": 200, "confidence": 0.95, "seed": 0, "clips": 6, "frechet_frames": 240}
    for method, values in {"model": summary["metrics"], **summary["baselines"]}.items():
        for metric, value in values.items():
            lower, upper = value["interval"]
            assert lower <= value["value"] <= upper and (upper > lower or method != "model"), (method, metric)
            if metric != FRECHET:
                assert [lower, upper] == list(mean_interval(clips[clips["method"] == method][metric].to_numpy(), 200, 0, 0.95))
    row = next(row for row in table(summary) if row["name"] == "l1")
    lower, upper = summary["metrics"]["l1"]["interval"]
    assert (
        row["cells"]["model"]["bounds"] == f"{lower:.4f} to {upper:.4f}" and row["cells"]["model"]["half"] == f"{(upper - lower) / 2:.4f}"
    )


def test_few_clips_have_none_and_are_told_why(folder):
    summary = json.loads((folder / "few/metrics.json").read_text())
    assert summary["intervals"] == {"none": "4 clips; at least 5 are needed for intervals over clips"}
    assert not any("interval" in value for value in summary["metrics"].values())
    few, enough = (re.sub(r"\s+", " ", build_page("data", folder / name, ReportSettings())) for name in ("few", "a"))
    assert "No intervals: 4 clips" in few and "its 95 % interval over clips" in enough


def test_other_intervals_are_no_other_measurement(folder, tmp_path, monkeypatch):
    run = tmp_path / "a"
    shutil.copytree(folder / "a", run)
    before, old = (json.loads((run / "metrics.json").read_text()) for _ in range(2))
    del old["intervals"]
    for values in (old["metrics"], *old["baselines"].values()):
        for value in values.values():
            value.pop("interval")
    (run / "metrics.json").write_text(json.dumps(old))
    monkeypatch.setattr(module, "measure_window", lambda *_: pytest.fail("measured anew"))
    arguments = run / "rollout.h5", run / "test.h5", run / "model.safetensors"
    settings = EvaluateSettings(features="embedded", resamples=300, confidence=0.8)
    narrow = evaluate(*arguments, settings, run / "weights", run / "metrics.json")
    wide = evaluate(*arguments, EvaluateSettings(features="embedded", resamples=200), run / "weights", run / "metrics.json")
    assert narrow["intervals"]["confidence"] == 0.8 and narrow["digest"] == wide["digest"] == before["digest"]
    for metric, value in wide["metrics"].items():
        assert value == before["metrics"][metric]
        assert np.ptp(narrow["metrics"][metric]["interval"]) <= np.ptp(value["interval"])


def test_differences_are_paired_by_clip(folder, tmp_path):
    said = run_command(folder / "a", folder / "b" / "metrics.json", "-o", tmp_path / "out.csv")
    differences = pd.read_csv(tmp_path / "out.csv").set_index("metric")
    first, second = (pd.read_csv(folder / name / "clips.csv").query("method == 'model'")["l1"].to_numpy() for name in "ab")
    row = differences.loc["l1"]
    assert row["difference"] == pytest.approx((second - first).mean(), rel=1e-4) and row["clips"] == 6
    assert (row["lower"], row["upper"]) == pytest.approx(mean_interval(second - first, 1000, 0, 0.95), rel=1e-4)
    verdict = "undecided" if row["lower"] <= 0 <= row["upper"] else "better" if row["upper"] < 0 else "worse"
    assert row["verdict"] == verdict
    decided = {name: list(rows.index) for name, rows in differences.groupby("verdict")}
    for name in ("better", "worse"):
        assert (f"Decided: the second is {name} on {', '.join(decided.get(name, []))}." in said) == (name in decided)
    turned = tmp_path / "turned.csv"
    run_command(folder / "b", folder / "a", "-o", turned)
    assert pd.read_csv(turned).set_index("metric").loc["l1", "difference"] == pytest.approx(-row["difference"], rel=1e-4)


def test_a_run_beside_itself_and_few_clips_decide_nothing(folder):
    assert "Nothing is decided: every interval holds zero." in run_command(folder / "a", folder / "a")
    assert "Nothing is decided: 4 clips are too few for intervals; at least 5 are needed." in run_command(folder / "few", folder / "few")


def test_words():
    said = sentences(pd.DataFrame({"metric": ["l1", "psnr", "fid"], "verdict": ["better", "undecided", "better"]}), 20)
    assert said[:2] == ["Decided: the second is better on l1, fid.", "Undecided, since the interval holds zero: psnr."]
    assert said[2].startswith("Each of the 3 metrics is tested by itself")


def test_the_folder_of_a_data_set_means_its_full_model(folder, tmp_path):
    shutil.copytree(folder / "a", tmp_path / "results/runs/full")
    shutil.copy(folder / "a/metrics.json", tmp_path / "results/metrics.json")
    assert subcommand.metrics_of(tmp_path / "results") == tmp_path / "results/runs/full/metrics.json"
    with pytest.raises(InputError, match=r"nothing: no measured run; give a folder that holds a metrics\.json"):
        subcommand.metrics_of(tmp_path / "nothing")


def test_runs_on_other_clips_are_refused(folder):
    with pytest.raises(InputError, match=r"few/metrics\.json: was measured on other frames than .*a/metrics\.json \(clips: 4, there 6\)"):
        check_alike(load_run(folder / "a/metrics.json"), load_run(folder / "few/metrics.json"))
