"""What a run says of itself, and the process in which it runs."""

import os
import subprocess
import sys
from pathlib import Path

from densepose_cache.storage.weights import WEIGHTS
from dwnet.workflow.notices import default_target, name_embedded, print_new_metrics
from dwnet.workflow.other_runs import Due

BETTER = "densepose.backend: rcnn makes better ones and downloads what that needs"
SIGNALLED = """
import os, signal, subprocess, sys
from dwnet.workflow.process import prepare_process
prepare_process()
os.kill(os.getpid(), signal.SIGUSR1)
subprocess.run(["bash", "-c", "kill -USR1 $$; command -v dwnet"], check=True)
"""


def test_without_the_data_set_that_a_run_makes_by_itself_the_targets_are_named_once(make_project, capsys):
    source = {"source": {"kind": "videos", "path": "videos"}}
    project = make_project(datasets={"mine": source, "other": source}, folders={"results": "r"})
    assert default_target(project) == default_target(project) == "r/sample/metrics.json"
    said = capsys.readouterr().err
    assert said.count("name what to make: r/mine/metrics.json r/other/metrics.json\n") == 1
    assert default_target(make_project()) == "results/sample/metrics.json" and not capsys.readouterr().err


def test_rough_maps_are_named_with_the_way_to_better_ones(make_project, capsys):
    due = [Due("densepose", {"dataset": "sample", "shard": f"00{number}"}) for number in range(2)]
    project = make_project(densepose={"backend": "auto"})
    name_embedded(project, [Due("decode", {"dataset": "sample", "shard": "000"})])
    name_embedded(make_project(densepose={"backend": "embedded"}), due)
    assert capsys.readouterr().err == ""
    name_embedded(project, due)
    path = Path("weights") / WEIGHTS[project.datasets["sample"].densepose.model].file
    begin = "IUV maps of sample by the small network that ships with the package: "
    assert capsys.readouterr().err == f"{begin}there is no {path}; {BETTER}\n"
    path.parent.mkdir()
    path.touch()
    name_embedded(project, due)
    assert capsys.readouterr().err == f"{begin}the cache has such maps, although there is {path}; {BETTER}\n"


def test_metrics_of_an_earlier_run_are_not_shown(project, capsys):
    path = Path("results/sample/metrics.json")
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    print_new_metrics(project, path.stat().st_mtime + 1)
    assert capsys.readouterr().out == ""


def test_the_process_and_its_shells_pass_over_a_clusters_signal_and_find_the_commands():
    environment = os.environ | {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", SIGNALLED], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, str(Path(sys.executable).with_name("dwnet"))), done.stderr
