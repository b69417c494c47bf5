"""The environments of the rules, and runs of the workflow in which every subcommand finds only the packages of its own."""

import contextlib
import importlib.util
import json
import os
import re
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.utils import canonicalize_name
from tiny_project import ROOT

spec = importlib.util.spec_from_file_location("write_environments", ROOT / "workflow/scripts/environments.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
ALWAYS = {"dwnet", *script.FROM_CONDA}
SUBCOMMANDS = {"weights": "fetch"}
"""Subcommands whose name is not that of their rule."""


def rule_environments() -> dict[str, set[str]]:
    """Names of the files in envs/ that each rule may run in."""
    found = {}
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for rule, text in re.findall(r"^(?:rule|checkpoint) (\w+):\n((?:    .*\n|\n)+)", path.read_text(), re.M):
            given = re.search(r"^    conda:\n +(.+)$", text, re.M)[1]
            found[rule] = {"warp", "train"} if "warp_environment(" in given else set(re.findall(r"^\"../../envs/(\w+)\.yaml\"$", given))
    return found


def lacking(environment: str) -> tuple[list[str], list[str]]:
    """Top names of the modules that are installed here, but not in an environment, and canonical names of the packages that hold them."""
    there = ALWAYS | script.pinned(environment).keys()
    owners = {module: set(map(canonicalize_name, names)) for module, names in packages_distributions().items()}
    modules = [module for module, names in owners.items() if there.isdisjoint(names)]
    return modules, sorted(set().union(*owners.values()) - there)


@contextlib.contextmanager
def narrow_subcommands(folder: Path) -> Iterator[None]:
    """Let the subcommands of the rules find nothing but what their environments hold; `folder` keeps what they lack."""
    without = {SUBCOMMANDS.get(rule, rule): lacking(rule if rule == "warp" else min(names)) for rule, names in rule_environments().items()}
    (folder / "lacking.json").write_text(json.dumps(without))
    added = {"DWNET_LACKING": str(folder / "lacking.json"), "PYTHONPATH": str(Path(__file__).with_name("narrow"))}
    if before := os.environ.get("PYTHONPATH"):
        added["PYTHONPATH"] += os.pathsep + before
    os.environ |= added
    try:
        yield
    finally:
        del os.environ["DWNET_LACKING"], os.environ["PYTHONPATH"]
        if before:
            os.environ["PYTHONPATH"] = before
