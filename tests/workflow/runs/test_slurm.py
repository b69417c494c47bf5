"""The cluster profile on a real Slurm: a training that is stopped and cancelled in a run of the tiny sample, and one on two nodes."""

import copy
import os
import re
import shutil
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from outputs import forget
from slurm_cluster import ask, node_names, remove_left_over, slurm_cluster, why_not
from tiny_project import ROOT, SNAKEMAKE, TINY
from trainer import losses

PROFILE = ROOT / "workflow/profiles/slurm"
NO_PLUGIN = None if find_spec("snakemake_executor_plugin_slurm") else "no snakemake-executor-plugin-slurm: pip install '.[slurm]'"
STEPS = 400
QUICK = ["--slurm-init-seconds-before-status-checks", "2", "--slurm-status-command", "squeue", "--latency-wait", "5"]
pytestmark = pytest.mark.skipif(NO_PLUGIN is not None, reason=str(NO_PLUGIN))


def command(*arguments: str, target: str = "results/sample/metrics.json") -> list:
    return [SNAKEMAKE, "--snakefile", ROOT / "Snakefile", "--workflow-profile", PROFILE, target, *arguments]


@pytest.fixture(scope="module")
def cluster():
    remove_left_over()
    if reason := why_not():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # a socket's path must be short
    with slurm_cluster(folder):
        yield
    shutil.rmtree(folder, ignore_errors=True)


def test_account_and_partitions_come_from_the_environment(make_project):
    project = make_project(TINY)
    own = {name: value for name, value in os.environ.items() if name not in ("SBATCH_ACCOUNT", "SBATCH_PARTITION", "DWNET_GPU_PARTITION")}
    named = {"SBATCH_ACCOUNT": "lab-7", "SBATCH_PARTITION": "max", "DWNET_GPU_PARTITION": "a100"}
    for environment, wanted in ((own, {}), (own | named, {"sample": "max", "train": "a100", "evaluate": "a100"})):
        rules = planned_resources(project, environment)
        for rule in ("sample", "train", "evaluate"):
            assert ("slurm_account=lab-7" in rules[rule]) == bool(wanted)
            assert f"slurm_partition={wanted[rule]}" in rules[rule] if wanted else "slurm_partition" not in rules[rule]
        assert "slurm_extra=--signal=USR1@300" in rules["train"] and "gpu=1" in rules["train"]


def planned_resources(project, environment: dict, *arguments: str) -> dict[str, str]:
    """What a dry run says of the resources of each rule."""
    done = subprocess.run(command("--dry-run", *arguments), cwd=project.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(re.findall(r"^\s*rule (\w+):\n.*?^\s*resources: ([^\n]+)$", done.stdout + done.stderr, re.M | re.S))


def test_a_resource_on_the_command_line_leaves_the_others_as_they_are(make_project):
    named = os.environ | {"SBATCH_PARTITION": "max", "DWNET_GPU_PARTITION": "a100"}
    train = planned_resources(make_project(TINY), named, "--set-resources", "train:runtime=2880")["train"]
    for wanted in ("runtime=2880", "mem_mb=16000", "slurm_extra=--signal=USR1@300", "slurm_partition=a100", "gpu=1"):
        assert wanted in train


def test_jobs_for_the_cpu_ask_for_no_gpu(make_project):
    config = copy.deepcopy(TINY)
    config["train"]["device"] = config["evaluate"]["device"] = "cpu"
    rules = planned_resources(make_project(config), os.environ | {"SBATCH_PARTITION": "max", "DWNET_GPU_PARTITION": "a100"})
    for rule in ("train", "rollout", "evaluate"):
        assert "gpu=0" in rules[rule] and "slurm_partition=max" in rules[rule]


def test_a_training_without_threads_is_submitted_with_eight(copied, tmp_path):
    config = copy.deepcopy(TINY)
    config["train"]["threads"] = None
    project = copied(config)
    forget(project.folder, "train")
    calls = tmp_path / "calls"
    for name, does in {"sacctmgr": "echo lab-7", "sbatch": f'echo "$@" >> {calls}; exit 1'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SBATCH_ACCOUNT": "lab-7", "SBATCH_PARTITION": "max"}
    target = "results/sample/runs/full/model.safetensors"
    done = subprocess.run(
        command(*QUICK, "--retries", "0", target=target), cwd=project.folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode != 0 and "--cpus-per-task=8" in calls.read_text(), done.stdout + done.stderr


@pytest.mark.slurm
@pytest.mark.slow
def test_a_training_that_is_stopped_and_cancelled_ends_all_the_same(cluster, make_project):
    """SIGUSR1, which Slurm sends before the time is up, then scancel: the third attempt finishes what the others began."""
    config = copy.deepcopy(TINY)
    config["train"] |= {"steps": STEPS, "save_every": 20, "picture_every": STEPS}
    config["datasets"]["sample"]["shards"] = 1
    project = make_project(config)
    words, log = project.folder / "words.txt", project.folder / "results/sample/runs/full/train_log.csv"
    with words.open("w") as out:
        process = subprocess.Popen(command(*QUICK), cwd=project.folder, stdout=out, stderr=subprocess.STDOUT)
    try:
        before = []
        for number, stop in enumerate((["--signal=USR1"], [])):
            job = wait_for_training(process, log, rows=60 * (number + 1), words=words)
            before.append(log.read_text().splitlines()[:50])
            ask("scancel", *stop, job)
        assert process.wait(900) == 0, words.read_text()
    finally:
        process.kill()
    rows = log.read_text().splitlines()
    assert len(rows) == 1 + STEPS and all(rows[:50] == kept for kept in before), "the training began anew"
    assert words.read_text().count("Trying to restart job") == 2
    assert project.metrics()["metrics"]["l1"]["frames"] == 6
    with_gpu = [line for line in ask("scontrol", "--oneliner", "show", "jobs").splitlines() if "gres:gpu:1" in line]
    assert sum("rule_train" in line for line in with_gpu) == 3


@pytest.mark.slurm
@pytest.mark.slow
def test_two_nodes_learn_the_same_as_one_process(cluster, make_project):
    config, run, model = copy.deepcopy(TINY), "results/sample/runs/full", "results/sample/runs/full/model.safetensors"
    config["train"] |= {"device": "cpu"}
    config["datasets"]["sample"]["shards"] = 1
    project = make_project(config)
    done = project.run(model)
    assert done.returncode == 0, done.stdout
    alone = shutil.move(project.folder / run, project.folder / "alone")
    config["train"] |= {"nodes": 2}
    project.configure(config)
    done = subprocess.run(command(*QUICK, target=model), cwd=project.folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    found, wanted = losses(project.folder / run), losses(alone)
    assert found[0] == wanted[0] and len(found) == len(wanted) == 1 + TINY["train"]["steps"]
    for row, other in zip(found[1:], wanted[1:], strict=True):
        assert [float(value) for value in row] == pytest.approx([float(value) for value in other], rel=2e-3)
    (job,) = [line for line in ask("scontrol", "--oneliner", "show", "jobs").splitlines() if "NumNodes=2" in line]
    assert "JobState=COMPLETED" in job and f"NodeList={','.join(node_names())}" in job and "rule_train" in job


def wait_for_training(process: subprocess.Popen, log: Path, rows: int, words: Path) -> str:
    """The number of the Slurm job that trains, as soon as the log has more than `rows` rows."""
    while process.poll() is None:
        for line in ask("squeue", "--noheader", "--states=RUNNING", "--format=%i %k").splitlines():
            job, _, comment = line.partition(" ")
            if "rule_train" in comment and log.is_file() and log.read_text().count("\n") > rows:
                return job
        time.sleep(0.1)
    raise AssertionError(words.read_text())
