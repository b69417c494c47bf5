"""What the workflow plans, and what stops it before any job starts."""

import copy
import os
import re
import shutil
import subprocess

import pytest
from tiny_project import ROOT, SNAKEMAKE, TINY

from dwnet.config import VARIANTS
from dwnet.pretrained import FOLDER


@pytest.mark.parametrize(("dataset", "first"), [("sample", "sample"), ("ubc_sample", "clips"), ("fashion", "fetch"), ("taichi", "clips")])
def test_default_configuration_plans_every_data_set(make_project, dataset, first):
    project = make_project(TINY)
    shutil.copy(ROOT / "config.yaml", project.folder / "config.yaml")
    done = project.run("--dry-run", f"results/{dataset}/metrics.json")
    assert done.returncode == 0, done.stdout
    jobs = project.jobs(done)
    assert {first, "clips", "train", "rollout", "evaluate", "report"} <= set(jobs)
    assert ("weights" in jobs) == (dataset in ("fashion", "taichi"))


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        ("video", {"size": 65}, ["video.size", "multiple of 4"]),
        ("train", {"lr": 1.0}, ["train.lr", "unknown key"]),
        ("evaluate", {"features": "emb"}, ["evaluate.features", "'paper' or 'embedded'"]),
    ],
)
def test_a_mistake_in_the_configuration_stops_before_any_job(make_project, section, change, words):
    project = make_project(TINY | {section: TINY[section] | change})
    done = project.run("results/sample/metrics.json")
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout
    assert project.jobs(done) == {} and "Traceback" not in done.stdout
    assert not (project.folder / "data").exists()


@pytest.mark.parametrize(
    ("section", "change", "words"),
    [
        ("evaluate", {"pairs": "no/pairs.csv"}, ["evaluate.pairs", "no/pairs.csv"]),
        ("train", {"start": "no/model.safetensors"}, ["train.start", "no/model.safetensors"]),
        ("evaluate", {"weights": {"alexnet": "no/alex.pth"}}, ["evaluate.weights.alexnet", "no/alex.pth"]),
        ("densepose", {"backend": "detectron2", "weights": "no/model.pkl"}, ["densepose.weights", "no/model.pkl"]),
        ("densepose", {"backend": "auto", "model": "densepose_rcnn_R_101_FPN_s1x"}, ["sample: the SHA-256", "model_final_c6ab63.pkl"]),
    ],
)
def test_a_missing_file_stops_before_any_job(make_project, section, change, words):
    project = make_project(TINY | {section: TINY[section] | change})
    done = project.run("results/sample/metrics.json")
    assert done.returncode != 0
    for word in words:
        assert word in done.stdout
    assert project.jobs(done) == {}


@pytest.mark.parametrize(
    ("change", "resources", "launcher"),
    [
        ({}, {"gpu": "1", "nodes": "1"}, None),
        ({"devices": 2}, {"gpu": "2", "nodes": "1"}, None),
        ({"nodes": 2}, {"gpu": "2", "nodes": "2", "tasks": "2", "mpi": "srun"}, "srun --nodes 2 --ntasks-per-node 1 "),
    ],
)
def test_training_asks_for_its_devices_and_nodes(make_project, change, resources, launcher):
    project = make_project(TINY | {"train": TINY["train"] | change})
    done = project.run("--dry-run", "--printshellcmds", "results/sample/metrics.json")
    assert done.returncode == 0, done.stdout
    job = done.stdout.split("rule train:")[1].split("rule ")[0]
    found = dict(pair.split("=", 1) for pair in re.search("resources: (.*)", job)[1].split(", "))
    asked = {name: found[name] for name in ("gpu", "nodes", "tasks", "mpi") if name in found}
    assert asked == resources and re.search(r"(srun .*)?dwnet train --data", job)[1] == launcher


@pytest.mark.parametrize("given", ["run", "run/model.safetensors"])
def test_training_depends_on_the_weights_that_it_starts_from(make_project, given):
    project = make_project(TINY | {"train": TINY["train"] | {"start": given}})
    (project.folder / "run").mkdir()
    (project.folder / "run" / "model.safetensors").touch()
    done = project.run("--dry-run", "results/sample/metrics.json")
    assert done.returncode == 0, done.stdout
    inputs = re.search("input: (.*)", done.stdout.split("rule train:")[1])[1].split(", ")
    assert "run/model.safetensors" in inputs


def test_of_what_ships_the_full_model_starts_and_its_variants_at_random(make_project):
    """Where it is not in this checkout, the run that needs it says so, for the full model alone."""
    sample = copy.deepcopy(TINY["datasets"]["sample"]) | {"model": {"generator": "compose"}, "train": {"start": "embedded"}}
    project = make_project(TINY | {"datasets": {"sample": sample}})
    done, shipped = project.run("--dry-run", "results/sample/ablation.csv"), FOLDER / "model.safetensors"
    if not shipped.is_file():
        assert re.findall("train.start of .*", done.stdout) == [f"train.start of full: {shipped} does not exist"] and done.returncode != 0
        pytest.skip("the generator that ships is not in this checkout")
    assert done.returncode == 0, done.stdout
    inputs = {}
    for job in done.stdout.split("rule train:")[1:]:
        inputs[re.search("variant=(.*)", job)[1]] = re.search("input: (.*)", job)[1].split(", ")
    assert {variant: str(shipped) in files for variant, files in inputs.items()} == {variant: variant == "full" for variant in VARIANTS}


def test_a_run_of_the_workflow_from_which_a_training_starts_is_trained_first(make_project):
    """Small frames, then larger ones; every variant starts from its own weights."""
    small, sample = (copy.deepcopy(TINY["datasets"]["sample"]) for _ in range(2))
    small["video"] = {"size": 32}
    sample["train"] = {"start": "results/small/runs/{variant}"}
    project = make_project(TINY | {"datasets": {"small": small, "sample": sample}})
    done = project.run("--dry-run", "results/sample/runs/no_prev/model.safetensors")
    assert done.returncode == 0, done.stdout
    first, second = done.stdout.split("rule train:")[1:3]
    assert re.search("output: (.*)", first)[1] == "results/small/runs/no_prev/model.safetensors"
    assert "results/small/runs/no_prev/model.safetensors" in re.search("input: (.*)", second)[1].split(", ")


def test_the_profile_of_one_machine_is_loaded_by_itself(make_project):
    project = make_project(TINY)
    command = [SNAKEMAKE, "--snakefile", ROOT / "Snakefile", "--dry-run", "--cores", "2", "results/sample/metrics.json"]
    done = subprocess.run(command, cwd=project.folder, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert f"Using workflow specific profile {ROOT / 'profiles/default'} " in done.stdout + done.stderr


def test_an_unknown_data_set_is_refused(make_project):
    done = make_project(TINY).run("results/fashoin/metrics.json")
    assert done.returncode != 0 and "results/fashoin/metrics.json" in done.stdout


SOURCES = {
    "frames": ({"kind": "frames", "path": "data/ubc_sample"}, ["data/ubc_sample", "github.com/ubc-vision/DwNet"]),
    "videos": ({"kind": "videos", "path": "data/taichi", "table": "data/taichi/metadata.csv"}, ["data/taichi"]),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_missing_input_is_named_with_the_ways_to_get_it(make_project, kind):
    source, words = SOURCES[kind]
    project = make_project(TINY | {"datasets": {"mine": {"source": source}}})
    done = project.run("results/mine/metrics.json")
    assert done.returncode != 0
    for word in [*words, "error: "]:
        assert word in done.stdout
    assert not (project.folder / "cache/mine/clips.csv").exists()


def test_a_wrong_clip_table_stops_before_any_shard(make_project):
    source = {"kind": "videos", "path": "videos", "table": "table.csv"}
    project = make_project(TINY | {"datasets": {"mine": {"source": source}}})
    (project.folder / "videos").mkdir()
    (project.folder / "videos/anna.mp4").touch()
    (project.folder / "table.csv").write_text("clip,split,video\nanna,trian,anna.mp4\n")
    done = project.run("results/mine/metrics.json")
    assert done.returncode != 0 and project.jobs(done) == {"clips": 1}
    assert re.findall("^error: .*", done.stdout, re.M) == [
        "error: table.csv: row 2, column split: 'trian' is no split; allowed: train, test"
    ]
    assert not (project.folder / "cache/mine/clips.csv").exists()


def test_missing_weights_are_named_with_the_ways_to_get_them(make_project):
    project = make_project(TINY | {"train": TINY["train"] | {"features": "vgg19"}})
    done = project.run("weights/vgg19-dcbb9e9d.pth")
    assert done.returncode != 0
    for word in ("error: ", "vgg19-dcbb9e9d.pth", "weights/"):
        assert word in done.stdout
    assert not list(project.folder.glob("weights/*.pth"))


def test_without_the_data_set_that_a_run_makes_by_itself_the_targets_are_named(make_project):
    source = {"source": {"kind": "videos", "path": "videos"}}
    project = make_project(TINY | {"datasets": {"mine": source, "other": source}})
    for arguments in (("--dry-run",), ()):
        done = project.run(*arguments)
        assert done.returncode != 0 and "Traceback" not in done.stdout
        assert done.stdout.count("name what to make: results/mine/metrics.json results/other/metrics.json") == 1
    assert project.run("--unlock").returncode == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (b"caf\xe9.mp4", "data/mine/train/caf\\xe9.mp4: the name is not UTF-8"),
        (b"x.mp4", "data/mine/train/x.mp4 is a link to /nowhere/x.mp4"),
    ],
)
def test_names_and_links_that_cannot_be_stop_before_any_job(make_project, name, words):
    project = make_project(TINY | {"datasets": {"mine": {"source": {"kind": "videos", "path": "data/mine"}}}})
    folder = project.folder / "data/mine/train"
    folder.mkdir(parents=True)
    (folder / os.fsdecode(name)).symlink_to("/nowhere/x.mp4" if name == b"x.mp4" else "/dev/null")
    done = project.run("results/mine/metrics.json")
    assert done.returncode != 0 and words in done.stdout
    assert project.jobs(done) == {} and "Traceback" not in done.stdout and not (project.folder / "cache").exists()
