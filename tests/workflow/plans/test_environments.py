"""The conda environments: their versions, their rules, and that each holds what its subcommands import."""

import pytest
from environments import lacking, rule_environments, script
from tiny_project import ROOT

FILES = {path.stem for path in (ROOT / "envs").glob("*.yaml")}


@pytest.mark.parametrize("kind", sorted(FILES))
def test_versions_are_those_of_the_constraints(kind):
    path = ROOT / "envs" / f"{kind}.yaml"
    versions = {name: line.split("==")[1] for name, line in script.constraints().items()}
    pins = script.pinned(kind)
    assert pins == {name: versions.get(name) for name in pins}
    assert path.read_text() == script.environment(kind), "run: python workflow/scripts/environments.py"
    assert path.with_suffix(".post-deploy.sh").is_file()


def test_every_rule_has_an_environment_and_every_environment_a_rule():
    rules = rule_environments()
    assert all(rules.values()) and set().union(*rules.values()) == FILES


def test_what_needs_no_torch_has_none():
    assert all(("torch" in script.pinned(kind)) == (kind in ("densepose", "train", "evaluate")) for kind in FILES)


def test_every_subcommand_finds_what_it_imports_in_its_environment(finished):
    """`finished` has run so. What it shows: the packages outside of an environment were out of reach."""
    assert {"torch", "lightning", "sklearn", "mediapipe", "snakemake"} <= set(lacking("decode")[0])
    assert {"lightning", "tensorboard"} <= set(lacking("evaluate")[0]) and {"mediapipe", "torchvision"} <= set(lacking("train")[0])
    assert finished.first.returncode == 0
