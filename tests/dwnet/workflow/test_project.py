"""The configuration as the rules read it, and where its folders are."""

import subprocess
import sys
from pathlib import Path

import pytest

import dwnet.workflow
from densepose_cache.core.errors import InputError
from densepose_cache.storage.weights import WEIGHTS
from dwnet.config import Folders
from dwnet.workflow.paths import cache_folder, data_folder, results_folder, run_folder, written_folder

MODULES = sorted(f"dwnet.workflow.{path.stem}" for path in Path(dwnet.workflow.__file__).parent.glob("[!_]*.py"))
HEAVY = {"torch", "snakemake", "pandas", "scipy", "numba", "matplotlib"}


def test_it_starts_without_torch_snakemake_or_anything_else_that_takes_long():
    code = f"import sys, {', '.join(MODULES)}; print(*sorted(set(sys.modules) & {HEAVY!r}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_auto_becomes_the_backend_whose_weights_are_there(make_project):
    project = make_project(densepose={"backend": "auto"})
    assert project.asked.datasets["sample"].densepose.backend == "auto"
    assert project.datasets["sample"].densepose.backend == "embedded"
    weights = Path("weights") / WEIGHTS[project.datasets["sample"].densepose.model].file
    weights.parent.mkdir()
    weights.touch()
    assert make_project(densepose={"backend": "auto"}).datasets["sample"].densepose.backend == "rcnn"


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"train": {"lr": 1.0}}, "the configuration is not usable:\ntrain.lr: unknown key"),
        ({"densepose": {"backend": "auto", "model": "densepose_rcnn_R_101_FPN_s1x"}}, "datasets.sample: the SHA-256"),
    ],
    ids=["key", "model"],
)
def test_what_is_wrong_with_the_configuration_is_named(make_project, sections, words):
    with pytest.raises(InputError, match=words):
        make_project(**sections)


def test_paths_of_wildcards_are_patterns():
    folders = Folders(cache="/disk/cache", data="d", results="r")
    assert data_folder(folders, "{dataset}") == "d/{dataset}" and results_folder(folders, "{dataset}") == "r/{dataset}"
    assert cache_folder(folders, "a") == "/disk/cache/a" and run_folder(folders, "{dataset}", "{variant}") == "r/{dataset}/runs/{variant}"


@pytest.mark.parametrize(
    ("rules", "wildcards", "folder"),
    [
        (["sample", "fetch"], {"dataset": "a"}, "data/a"),
        (["clips", "index"], {"dataset": "a"}, "cache/a"),
        (["decode", "densepose", "warp"], {"dataset": "a", "shard": "000"}, "cache/a"),
        (["train", "rollout", "evaluate"], {"dataset": "a", "variant": "full"}, "results/a/runs/full"),
        (["report", "ablation"], {"dataset": "a"}, "results/a"),
        (["weights"], {"file": "x.pth"}, "weights"),
        (["all", "rulegraph"], {}, None),
    ],
    ids=str,
)
def test_every_rule_writes_to_one_folder(rules, wildcards, folder):
    assert {written_folder(Folders(), rule, wildcards) for rule in rules} == {folder}
