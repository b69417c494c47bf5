"""What the Snakemake workflow catalog reads."""

import re
import subprocess

import yaml
from tiny_project import ROOT, SNAKEMAKE


def test_the_metadata_has_what_the_catalog_shows():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["mandatory-flags"]["flags"] == [] and usage["mandatory-flags"]["desc"]
    assert set(usage["software-stack-deployment"]) == {"conda", "apptainer", "report"}
    readme = (ROOT / "README.md").read_text().lower()
    assert "snakemake" in readme and "workflow" in readme


def test_the_workflow_runs_from_where_the_catalog_looks_for_it(tmp_path):
    command = [SNAKEMAKE, "--snakefile", ROOT / "workflow/Snakefile", "--configfile", ROOT / "config.yaml", "--directory", tmp_path]
    done = subprocess.run([*command, "--workflow-profile", "none", "--cores", "1", "--dry-run"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rules = re.findall(r"^(?:local)?(?:rule|checkpoint) (\w+):$", done.stdout + done.stderr, re.M)
    assert {"sample", "train", "report", "default"} <= set(rules)


def test_links_of_the_configuration_page_lead_somewhere():
    links = re.findall(r"\]\((\.\./[^)]+)\)", (ROOT / "config/README.md").read_text())
    assert len(links) >= 7 and all((ROOT / "config" / link).is_file() for link in links)
