"""The picture of the rules in the documentation."""

import re
import subprocess
import sys

from tiny_project import ROOT


def test_the_picture_of_the_rules_is_current_and_complete(tmp_path):
    command = [sys.executable, ROOT / "workflow/scripts/rulegraph.py", "--out", tmp_path / "rulegraph.md"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "rulegraph.md").read_text()
    assert page == (ROOT / "docs/rulegraph.md").read_text(), "run: snakemake --cores 1 --forcerun rulegraph -- docs/rulegraph.md"
    files = (ROOT / "workflow/rules").glob("*.smk")
    rules = {rule for path in files for rule in re.findall(r"^(?:rule|checkpoint) (\w+):", path.read_text(), re.M)}
    assert set(re.findall(r"^    (\w+) -->", page, re.M)) | set(re.findall(r"--> (\w+)$", page, re.M)) == rules - {"rulegraph"}
