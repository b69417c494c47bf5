"""What a stage depends on stays what it was: no result that lies somewhere is made anew because the program has grown."""

import json
import shutil

from pinned_digests import STAGES
from tiny_project import ROOT, TINY

ASKED = """
configfile: "config.yaml"
include: {rules!r}
import json
from types import SimpleNamespace
found = [stage(name)(SimpleNamespace(**wildcards)) for name, wildcards in {asked!r}]
Path("found.json").write_text(json.dumps(found))
rule all:
    input: []
"""
"""A Snakefile that writes what the parameter `stage` of rules comes to for their wildcards."""


def test_the_stages_of_the_default_file_have_the_digests_that_they_had(make_project):
    project = make_project(TINY)
    shutil.copy(ROOT / "config.yaml", project.folder / "config.yaml")
    stages = {(name, stage): stage.partition("/")[::2] for name, digests in STAGES.items() for stage in digests}
    asked = [(stage, {"dataset": name} | ({"variant": variant} if variant else {})) for (name, _), (stage, variant) in stages.items()]
    snakefile = ASKED.format(rules=str(ROOT / "workflow/rules/common.smk"), asked=asked)
    (project.folder / "Snakefile").write_text(snakefile)
    done = project.run("--dry-run", root=project.folder)
    assert done.returncode == 0, done.stdout
    found = json.loads((project.folder / "found.json").read_text())
    wanted = [STAGES[name][stage] for name, stage in stages]
    assert {place: digest for place, digest, old in zip(stages, found, wanted, strict=True) if digest != old} == {}
