"""Four tiny variants, rolled out and measured: tables with known numbers, the order of Figure 5, plot, pictures, subcommand."""

import base64
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from people import SIZE
from PIL import Image
from small_cache import write_split
from tiny_model import tiny_generator
from typer.testing import CliRunner

from densepose_cache.cache.reader import SplitReader
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.core.errors import InputError
from dwnet.ablation.pictures import SIDE, telling_frame
from dwnet.ablation.runs import load_runs
from dwnet.ablation.tables import METHODS, PAIRS, order_table
from dwnet.ablation.words import order_lines
from dwnet.cli import ablation as subcommand
from dwnet.cli.main import SUBCOMMANDS, SUMMARY
from dwnet.config import VARIANTS, AblationSettings, EvaluateSettings
from dwnet.evaluation.bootstrap import draw_clips, mean_interval
from dwnet.evaluation.evaluate import evaluate
from dwnet.evaluation.keypoints import mediapipe_pose
from dwnet.evaluation.metrics.feature_file import open_features
from dwnet.evaluation.metrics.frechet import Gaussian, frechet_distance
from dwnet.evaluation.paired import Results, difference_table, draw_frechet, spread, spread_frames, value_table, verdict
from dwnet.evaluation.runs import check_data
from dwnet.inference.panels import GAP, caption_height
from dwnet.inference.rollout import rollout
from dwnet.inference.rollout_file import RolloutReader
from dwnet.inference.trivial import BASELINES
from dwnet.model.checkpoint import save_model

LENGTHS = {f"clip{number}": 2 + number % 2 for number in range(6)}
FRECHET = "frechet_efficientnet_lite0"
SETTINGS = AblationSettings(resamples=200, clips=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """test.h5 of six clips, and runs/{variant} of random generators, measured without a pose model."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("ablation")
    data = write_split(folder / "test.h5", LENGTHS)
    settings = EvaluateSettings(features="embedded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mediapipe_pose, "TASK", folder / "no pose model")
        for variant, changes in VARIANTS.items():
            run = folder / "runs" / variant
            run.mkdir(parents=True)
            model = run / "model.safetensors"
            save_model(model, tiny_generator(**changes), {"fingerprint": "f" * 64})
            rollout(model, data, settings, run / "rollout.h5")
            evaluate(run / "rollout.h5", data, model, settings, folder / "weights", run / "metrics.json")
        yield folder


@pytest.fixture(scope="module")
def tables(folder):
    results = Results(load_runs(folder / "runs"), SETTINGS)
    return results, value_table(results), difference_table(results, PAIRS)


def per_clip(folder, variant, method, metric):
    table = pd.read_csv(folder / "runs" / variant / "clips.csv")
    return table[table["method"] == method].set_index("clip")[metric].to_numpy()


def cell(table, **where):
    rows = table
    for column, wanted in where.items():
        rows = rows[rows[column] == wanted]
    assert len(rows) == 1
    return rows.iloc[0]


def test_values_are_those_of_the_runs_with_their_intervals(folder, tables):
    _, values, _ = tables
    metrics = json.loads((folder / "runs/no_prev/metrics.json").read_text())
    assert list(values["metric"].unique()[:2]) == ["perceptual_efficientnet_lite0", FRECHET], "the metrics of Figure 5 come first"
    assert len(values) == len(metrics["metrics"]) * len(METHODS) and not values.isna().any().any()
    for name, wanted in metrics["metrics"].items():
        row = cell(values, metric=name, method="no_prev")
        assert (row["value"], row["clips"], row["frames"]) == (wanted["value"], 6, wanted["frames"])
        assert row["lower"] <= row["value"] <= row["upper"]
    row = cell(values, metric="l1", method="no_prev")
    assert (row["lower"], row["upper"]) == mean_interval(per_clip(folder, "no_prev", "model", "l1"), 200, 0, 0.95)
    row = cell(values, metric="l1", method="copy_source")
    assert row["value"] == pytest.approx(per_clip(folder, "full", "copy_source", "l1").mean())


def test_differences_are_paired_by_clip(folder, tables):
    _, _, differences = tables
    assert set(zip(differences["method"], differences["reference"], strict=True)) == set(PAIRS)
    full = per_clip(folder, "full", "model", "psnr")
    other = per_clip(folder, "no_prev_no_refine_no_warp", "model", "psnr")
    row = cell(differences, metric="psnr", method="no_prev_no_refine_no_warp", reference="full")
    assert row["difference"] == pytest.approx((other - full).mean()) and row["clips"] == 6
    assert (row["lower"], row["upper"]) == pytest.approx(mean_interval(other - full, 200, 0, 0.95))


def test_frechet_distances_are_drawn_together(tables):
    results, values, differences = tables
    row = cell(differences, metric=FRECHET, method="copy_source", reference="full")
    full, copied = (cell(values, metric=FRECHET, method=method) for method in ("full", "copy_source"))
    assert row["difference"] == pytest.approx(copied["value"] - full["value"])
    assert row["upper"] - row["lower"] < copied["upper"] - copied["lower"] + full["upper"] - full["lower"]
    assert results.difference("fid", "full", "no_prev") is None


def test_verdicts_know_which_way_is_better():
    assert verdict("l1", (0.1, 0.2)) == verdict("psnr", (-0.2, -0.1)) == "worse"
    assert verdict("l1", (-0.2, -0.1)) == verdict("psnr", (0.1, 0.2)) == "better"
    assert verdict("l1", (-0.1, 0.2)) == verdict("l1", (0.0, 0.0)) == verdict("psnr", None) == "undecided"


@pytest.mark.parametrize(
    ("numbers", "verdicts", "wanted"),
    [
        ((1.0, 2.0, 3.0, 4.0), "worse worse worse worse worse", (True, True, True, True)),
        ((1.0, 2.0, 2.0, 4.0), "worse worse worse undecided worse", (True, True, True, False)),
        ((1.0, 2.0, 1.5, 4.0), "worse undecided worse undecided worse", (True, False, False, False)),
        ((2.0, 2.0, 3.0, 4.0), "undecided worse worse worse worse", (False, False, False, False)),
    ],
)
@pytest.mark.parametrize("metric", ["l1", "psnr"])
def test_the_order_of_figure_5(metric, numbers, verdicts, wanted):
    sign = -1 if metric == "psnr" else 1
    values = pd.DataFrame([(metric, variant, sign * number) for variant, number in zip(VARIANTS, numbers, strict=True)])
    values.columns = ["metric", "method", "value"]
    pairs = [pair for pair in PAIRS if pair[0] in VARIANTS]
    differences = pd.DataFrame([(metric, *pair, text) for pair, text in zip(pairs, verdicts.split(), strict=True)])
    differences.columns = ["metric", "method", "reference", "verdict"]
    (row,) = order_table(values, differences).itertuples(index=False)
    assert (row.full_is_best, row.full_is_best_decided, row.order_holds, row.order_decided) == wanted
    assert row.order.split() == sorted(VARIANTS, key=dict(zip(VARIANTS, numbers, strict=True)).get)
    assert order_table(values[1:], differences).empty, "a metric that a variant lacks"


def test_clips_without_a_value_are_left_out_of_both(folder, tmp_path):
    shutil.copytree(folder / "runs", tmp_path / "runs")
    path = tmp_path / "runs/no_prev/metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["clips"]["clip3"]["metrics"]["l1"]
    path.write_text(json.dumps(metrics))
    results = Results(load_runs(tmp_path / "runs"), SETTINGS)
    value, bounds, clips = results.difference("l1", "no_prev", "full")
    pairs = np.delete(per_clip(folder, "no_prev", "model", "l1") - per_clip(folder, "full", "model", "l1"), 3)
    assert clips == 5 and value == pytest.approx(pairs.mean()) and bounds == pytest.approx(mean_interval(pairs, 200, 0, 0.95))


def test_places_are_spread():
    assert spread(10, 1) == [5] and spread(10, 2) == [2, 7] and spread(10, 5) == [1, 3, 5, 7, 9]
    assert spread(10, 20) == list(range(10)) and spread(1, 4) == [0]


def test_frechet_distances_are_drawn_of_some_frames_of_long_clips(folder):
    rows, clip = spread_frames(np.array([3, 5]))
    assert rows.tolist() == list(range(8)) and clip.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    rows, clip = spread_frames(np.array([2, 1000, 1500]))
    assert rows[:2].tolist() == [0, 1] and np.bincount(clip).tolist() == [2, 333, 333]
    assert rows[2] == 2 + 1 and rows[335] == 1002 + 2 and rows[-1] < 2502 and (np.diff(rows) > 0).all()
    full = {"full": load_runs(folder / "runs")["full"]}
    drawn = draw_frechet(full, SETTINGS, 12)[FRECHET]["full"]
    with open_features(full["full"].features) as features:
        kept, clip = spread_frames(features.lengths, 12)
        assert np.bincount(clip).tolist() == [2] * 6
        real, model = (features.read(FRECHET, method)[kept] for method in ("real", "model"))
    times = draw_clips(6, 200, 0)[0][clip]
    assert drawn[0] == pytest.approx(frechet_distance(Gaussian.drawn(real, times), Gaussian.drawn(model, times)))


def test_sentences_name_who_is_decidedly_worse():
    differences = pd.DataFrame(
        [("l1", "no_prev", "full", "worse"), ("l1", "no_prev_no_refine", "full", "better"), ("l1", "copy_source", "full", "worse")],
        columns=["metric", "method", "reference", "verdict"],
    )
    order = pd.DataFrame([("l1", "no_prev_no_refine full no_prev", False, False, False, False)])
    order.columns = ["metric", "order", "full_is_best", "full_is_best_decided", "order_holds", "order_decided"]
    assert order_lines(differences, order, 20) == [
        "l1: beside full worse: no_prev, copy_source; better: no_prev_no_refine. Best first: no_prev_no_refine, full, no_prev. "
        "Order of Figure 5: does not hold."
    ]


def run_subcommand(folder, out, *more):
    app = typer.Typer()
    app.command()(subcommand.command)
    arguments = [
        "--runs",
        str(folder / "runs"),
        "--data",
        str(folder / "test.h5"),
        "--out",
        str(out),
        "--settings",
        SETTINGS.model_dump_json(),
    ]
    return CliRunner().invoke(app, [*arguments, *more])


@pytest.fixture(scope="module")
def made(folder):
    """What the subcommand wrote, and what it printed."""
    done = run_subcommand(folder, folder / "made" / "ablation.csv")
    assert done.exit_code == 0, done.output
    return folder / "made", done.output


def test_subcommand_writes_tables_plot_and_pictures(folder, made, tmp_path):
    made, output = made
    assert sorted(path.name for path in made.iterdir()) == [
        "ablation.csv",
        "ablation.html",
        "ablation.svg",
        "ablation_differences.csv",
        "ablation_frames.png",
        "ablation_order.csv",
    ]
    values = pd.read_csv(made / "ablation.csv")
    assert list(values) == ["metric", "method", "value", "lower", "upper", "clips", "frames"]
    assert set(values["method"]) == {*VARIANTS, *BASELINES}
    drawing = ElementTree.parse(made / "ablation.svg").getroot()
    assert drawing.tag.endswith("svg")
    text = " ".join(drawing.itertext())
    assert "no previous/refine/warp" in text and "Frechet, EfficientNet-Lite0" in text and "coarse warp" in text and "filled warp" in text
    assert text.index("Perceptual") < text.index("Frechet") < text.index("PSNR")
    assert f"{FRECHET}: beside full " in output and "Best first: " in output and "Order of Figure 5: " in output
    run_subcommand(folder, tmp_path / "made" / "ablation.csv")
    assert {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()} == {
        path.name: path.read_bytes() for path in made.iterdir()
    }


def test_page_holds_everything_and_loads_nothing(made):
    page = (made[0] / "ablation.html").read_text()
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(address.startswith(("data:image/png;base64,", "#")) for address in addresses)
    picture = next(address for address in addresses if address.startswith("data:"))
    assert base64.b64decode(picture.split(",")[1]) == (made[0] / "ablation_frames.png").read_bytes()
    assert page.count("<svg") == 1 and "<script" not in page and "made: ablations" in page
    row = cell(pd.read_csv(made[0] / "ablation.csv"), metric="psnr", method="no_prev")
    assert f"{row['value']:.2f}<br>" in page and f"{row['lower']:.2f} to {row['upper']:.2f}" in page
    text = re.sub(r"<[^>]*>", " ", page)
    assert "no previous/refine/warp" in text and re.search("does not hold|holds, (un)?decided", text)


def test_grid_shows_the_telling_frames(folder, tmp_path):
    assert run_subcommand(folder, tmp_path / "ablation.csv").exit_code == 0
    grid = np.asarray(Image.open(tmp_path / "ablation_frames.png"))
    side = SIDE
    assert side == SIZE * 3
    captions = caption_height(side)
    assert grid.shape == (2 * (side + captions) + captions, 7 * side + 6 * GAP, 3)
    chosen = sorted(LENGTHS)[spread(6, 2)[1]]
    rollouts = {name: RolloutReader(folder / "runs" / name / "rollout.h5") for name in VARIANTS}
    frames = np.stack([rollout.frames(chosen, slice(None)) for rollout in rollouts.values()]).astype(float)
    frame = telling_frame(rollouts, chosen)
    assert frame == frames.std(0).mean((1, 2, 3))[1:].argmax() + 1

    def panel(column):
        left = column * (side + GAP)
        return grid[-side:, left : left + side][1::3, 1::3]

    with SplitReader(folder / "test.h5") as data:
        np.testing.assert_array_equal(panel(0), data.frames(chosen, 0))
        np.testing.assert_array_equal(panel(2), data.frames(chosen, frame))
    for column, shown in enumerate(frames[:, frame], start=3):
        np.testing.assert_array_equal(panel(column), shown)


def test_few_clips_give_values_without_intervals(folder, tmp_path):
    copy = tmp_path / "few"
    data = write_split(tmp_path / "test.h5", {"a": 3, "b": 2})
    settings = EvaluateSettings(features="embedded")
    for variant in VARIANTS:
        run = copy / variant
        run.mkdir(parents=True)
        shutil.copy(folder / "runs" / variant / "model.safetensors", run)
        rollout(run / "model.safetensors", data, settings, run / "rollout.h5")
        evaluate(run / "rollout.h5", data, run / "model.safetensors", settings, folder / "weights", run / "metrics.json")
    app = typer.Typer()
    app.command()(subcommand.command)
    done = CliRunner().invoke(app, ["--runs", str(copy), "--data", str(data), "--out", str(tmp_path / "out/ablation.csv")])
    assert done.exit_code == 0, done.output
    assert "only 2 test clips: no intervals" in done.output
    values = pd.read_csv(tmp_path / "out/ablation.csv")
    assert values[["lower", "upper"]].isna().all().all() and values["value"].notna().all()
    differences = pd.read_csv(tmp_path / "out/ablation_differences.csv")
    assert set(differences["verdict"]) == {"undecided"} and differences["difference"].notna().all()
    assert not pd.read_csv(tmp_path / "out/ablation_order.csv")["full_is_best_decided"].any()
    ElementTree.parse(tmp_path / "out/ablation.svg")


def changed(folder, tmp_path, change):
    """A copy of the runs in which `change` has changed the metrics of no_prev."""
    shutil.copytree(folder / "runs", tmp_path / "runs", dirs_exist_ok=True)
    path = tmp_path / "runs/no_prev/metrics.json"
    metrics = json.loads((folder / "runs/no_prev/metrics.json").read_text())
    change(metrics)
    path.write_text(json.dumps(metrics))
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda metrics: metrics["settings"].update(blur_sigma=9.0), "was measured with other settings than .*full/metrics.json"),
        (lambda metrics: metrics["extractors"].clear(), "was measured with other extractors"),
        (lambda metrics: metrics["protocol"].update(data="0" * 64), "was measured on other frames than"),
        (lambda metrics: metrics.update(format=1), "is of another format"),
        (lambda metrics: metrics.update(digest="0" * 64), r"features\.h5: belongs to another evaluation"),
        (lambda metrics: metrics["model"].update(sha256="0" * 64), r"rollout\.h5: was made with another model"),
    ],
)
def test_runs_that_cannot_be_compared_are_named(folder, tmp_path, change, words):
    runs = changed(folder, tmp_path, change)
    with pytest.raises(InputError, match=f"no_prev/.*{words}.*snakemake --cores all .*no_prev/metrics.json --forcerun evaluate"):
        load_runs(runs)


def test_a_run_that_was_tuned_from_what_ships_is_no_part_of_a_comparison(folder, tmp_path):
    runs = changed(folder, tmp_path, lambda metrics: metrics["model"].update(train={"start": "embedded"}))
    with pytest.raises(InputError, match=r"no_prev/metrics\.json: was tuned from the generator that ships.*train\.start is null"):
        load_runs(runs)


def test_settings_without_effect_may_differ(folder, tmp_path):
    runs = changed(folder, tmp_path, lambda metrics: metrics["settings"].update(batch=3, device="cpu"))
    assert list(load_runs(runs)) == list(VARIANTS)


def test_a_missing_run_or_other_data_is_named(folder, tmp_path):
    shutil.copytree(folder / "runs", tmp_path / "runs")
    with SplitReader(write_split(tmp_path / "test.h5", {"clip0": 2})) as data, pytest.raises(InputError, match="holds other clips than"):
        check_data(load_runs(tmp_path / "runs")["full"], data)
    shutil.rmtree(tmp_path / "runs/no_prev_no_refine")
    with pytest.raises(InputError, match=r"no_prev_no_refine/metrics\.json: no such file.*snakemake --cores all .*no_prev_no_refine"):
        load_runs(tmp_path / "runs")


def test_a_full_disk_is_named_and_nothing_half_written(folder, tmp_path, room, capsys):
    options = {"--runs": folder / "runs", "--data": folder / "test.h5", "--out": tmp_path / "ablation.csv"}
    room(1000)
    code = run_subcommands(SUMMARY, SUBCOMMANDS, ["ablation", *(str(word) for pair in options.items() for word in pair)])
    room(None)
    assert code == 2 and not list(tmp_path.iterdir())
    said = capsys.readouterr().err
    assert re.search(rf"^error: {tmp_path}/ablation_frames\.png: cannot be written \(file too large\)", said, re.M), said


def test_frechet_interval_is_around_the_value(folder, tables):
    """The kept features are in half precision; the value is the one that was measured in full."""
    results, values, _ = tables
    row = cell(values, metric=FRECHET, method="full")
    assert row["lower"] < row["value"] < row["upper"]
    drawn = results._drawn[FRECHET]["full"]
    assert np.median(drawn) > row["lower"] and len(drawn) == 200
