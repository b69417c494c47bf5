"""The real pipeline on a tiny rendered data set: rendering, decoding, IUV, warp grids, training, rollout, metrics, report."""

import copy
import json
import shlex
import subprocess
import zipfile

import h5py
import pandas as pd
import pytest
from tiny_project import SNAKEMAKE, TINY

from dwnet.config import VARIANTS


def changed(**sections):
    config = copy.deepcopy(TINY)
    for section, keys in sections.items():
        config.setdefault(section, {}).update(keys)
    return config


def rerun(project, config, *arguments):
    project.configure(config)
    done = project.run(*(arguments or ("results/sample/metrics.json",)))
    assert done.returncode == 0, done.stdout
    return project.jobs(done)


def test_every_stage_ran_and_left_its_files(finished):
    jobs = finished.jobs(finished.first)
    assert jobs["sample"] == jobs["clips"] == jobs["index"] == jobs["train"] == jobs["rollout"] == jobs["evaluate"] == jobs["report"] == 1
    assert jobs["decode"] == jobs["densepose"] == jobs["warp"] == 2
    samples = pd.read_csv(finished.folder / "cache/sample/samples.csv")
    assert list(samples.columns) == ["clip", "epoch", "source", "target"] and samples["clip"].nunique() == 3
    run = finished.folder / "results/sample/runs/full"
    assert {p.name for p in run.iterdir()} >= {"model.safetensors", "rollout.h5", "metrics.json", "clips.csv", "train_log.csv", "videos"}
    assert list((run / "videos").glob("*.mp4"))
    assert "<html" in (finished.folder / "results/sample/report.html").read_text()[:500].lower()


@pytest.mark.slow
def test_maps_of_the_network_that_ships_are_measured_by_the_exact_ones(make_project):
    project = make_project(changed(densepose={"backend": "auto", "degrade": "none", "missing": "empty", "max_missing": 1.0, "score": 0.0}))
    done = project.run("cache/sample/iuv_quality.csv")
    assert done.returncode == 0, done.stdout
    assert "IUV maps of sample by the small network" in done.stdout and "no weights/model_final_162be9.pkl" in done.stdout
    table = pd.read_csv(project.folder / "cache/sample/iuv_quality.csv")
    assert set(table["backend"]) == {"embedded"}
    assert table["reference_silhouette_iou"].between(0.3, 1).all() and table["reference_part_accuracy"].between(0.1, 1).all()


def test_metrics_name_what_was_measured(finished):
    result = finished.metrics()
    for name in ("l1", "l1_body", "psnr", "ssim", "perceptual_efficientnet_lite0", "frechet_efficientnet_lite0"):
        assert result["metrics"][name]["frames"] == 6 and result["metrics"][name]["clips"] == 1
    assert not {"fid", "perceptual_vgg19"} & set(result["metrics"])
    assert set(result["baselines"]) >= {"coarse_warp", "filled_warp", "copy_source"}
    assert list(result["clips"]) == ["sample-test-0000"]
    assert 0 < result["baselines"]["coarse_warp"]["l1"]["value"] < 1
    json.dumps(result, allow_nan=False)


def test_results_say_where_they_come_from(finished):
    finished.configure(TINY)
    found = finished.metrics()["provenance"]
    assert (found["dataset"], found["target"]) == ("sample", "results/sample/metrics.json")
    assert (found["clips"]["train"], found["clips"]["test"]) == (3, 1)
    assert found["maps"] == [{"backend": "precomputed", "detector": None, "shards": 2}] and found["weights"] == {}
    assert found["configuration"]["settings"]["train"]["steps"] == 3
    run = json.loads((finished.folder / "results/sample/runs/full/metrics.json").read_text())["provenance"]
    assert run == found | {"target": "results/sample/runs/full/metrics.json"}


def test_what_makes_a_result_again_is_printed_and_would_do_nothing_here(finished):
    finished.configure(TINY)
    command = [SNAKEMAKE.with_name("dwnet"), "reproduce", "results/sample/metrics.json", "--verify", "--config-out", "again.yaml"]
    done = subprocess.run(command, cwd=finished.folder, text=True, capture_output=True)
    assert {line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("differs ")} <= {"differs git revision"}, done.stdout
    assert done.returncode == ("differs " in done.stdout), done.stderr
    command = next(line for line in done.stdout.splitlines() if line.startswith("  snakemake"))
    arguments = shlex.split(command)
    finished.configure({"datasets": {"sample": {"source": {"kind": "videos", "path": "nowhere"}}}})
    assert finished.jobs(finished.run("--dry-run", *arguments[arguments.index("--configfile") :])) == {}


def test_a_report_is_made_of_the_results(finished):
    finished.configure(TINY)
    done = finished.run("--report", "report.zip", "--", "results/sample/metrics.json")
    assert done.returncode == 0, done.stdout
    with zipfile.ZipFile(finished.folder / "report.zip") as archive:
        names = {name.split("/")[-1] for name in archive.namelist()}
        page = archive.read("report/report.html").decode()
    assert names == {"report.html", "metrics.json", "clips.csv", "iuv_quality.csv"}
    for caption in (
        "animates the person of a photograph",
        "Page of the full model on sample",
        "Metrics of the variant full on every test clip",
    ):
        assert caption in page


def test_every_generated_frame_is_in_the_rollout(finished):
    with h5py.File(finished.folder / "results/sample/runs/full/rollout.h5") as file:
        assert file["sample-test-0000/generated"].shape == (6, 64, 64, 3)


def test_summary_is_printed(finished):
    assert "metrics.json" in finished.first.stdout and "report.html" in finished.first.stdout


def test_a_second_run_does_nothing(finished):
    assert rerun(finished, TINY) == {}


@pytest.mark.slow
def test_the_ablations_are_trained_and_compared(finished):
    target = "results/sample/ablation.csv"
    jobs = rerun(finished, TINY, target)
    assert jobs == {"train": 3, "rollout": 3, "evaluate": 3, "ablation": 1}
    values = pd.read_csv(finished.folder / target)
    assert set(values["method"]) == {*VARIANTS, "coarse_warp", "filled_warp", "coarse_warp_blurred", "copy_source"}
    full = values[(values["metric"] == "l1") & (values["method"] == "full")]
    assert full["value"].item() == pytest.approx(finished.metrics()["metrics"]["l1"]["value"], rel=1e-5)
    variants = values[(values["metric"] == "l1") & values["method"].isin(VARIANTS)]
    assert variants["value"].nunique() == len(VARIANTS), "each variant is another model"
    for name in ("ablation_differences.csv", "ablation_order.csv", "ablation.svg", "ablation_frames.png", "ablation.html"):
        assert (finished.folder / "results/sample" / name).stat().st_size > 100
    assert rerun(finished, TINY, target) == {}
    assert set(rerun(finished, changed(ablation={"seed": 1}), "--dry-run", target)) == {"ablation"}


def test_a_configured_file_that_is_gone_is_never_passed_over(finished):
    finished.configure(changed(evaluate={"pairs": "no/pairs.csv"}))
    done = finished.run("results/sample/metrics.json")
    assert done.returncode != 0 and "evaluate.pairs: no/pairs.csv does not exist" in done.stdout


@pytest.mark.slow
def test_folders_may_have_spaces_in_their_names(make_project):
    folders = {name: f"my {name}" for name in ("cache", "data", "results", "weights")}
    project = make_project(changed(folders=folders, train={"steps": 1}))
    done = project.run("my results/sample/metrics.json")
    assert done.returncode == 0, done.stdout
    assert {path.name for path in project.folder.iterdir()} >= {"my cache", "my data", "my results"}
    assert not (project.folder / "cache").exists()
