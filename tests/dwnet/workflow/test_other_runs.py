"""Runs from other working folders."""

import subprocess
import sys
from pathlib import Path

import pytest

from densepose_cache.cache.shard import ShardWriter
from densepose_cache.core.errors import InputError
from dwnet.config import Folders
from dwnet.workflow.other_runs import Due, check_settings, keep_others_out

OTHER = """
import sys
from dwnet.config import Folders
from dwnet.workflow.other_runs import Due, keep_others_out
locks = keep_others_out(Folders(), [Due("decode", {"dataset": "sample", "shard": "000"})])
print("there", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_run():
    """A process that makes the cache of the data set `sample`, until its standard input ends."""
    with subprocess.Popen([sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "there\n"
        yield process
        process.stdin.close()


def test_what_another_run_makes_is_left_to_it(other_run):
    mine = [Due("train", {"dataset": "sample", "variant": "full"}), Due("all", {})]
    with keep_others_out(Folders(), mine):
        assert Path("results/sample/runs/full/.run.lock").exists()
    with pytest.raises(InputError, match=rf"^cache/sample: another run, process {other_run.pid} on .*; run the same command again"):
        keep_others_out(Folders(), [*mine, Due("warp", {"dataset": "sample", "shard": "001"})])
    other_run.stdin.close()
    other_run.wait()
    assert not list(Path().rglob(".run.lock")), "it goes with its process"


WARP = [Due("warp", {"dataset": "sample", "shard": "000"})]
TRAIN = [Due("train", {"dataset": "sample", "variant": "full"})]


@pytest.fixture
def shared(make_project):
    """A project whose cache another working folder has made, with white bars and warps of seed 0."""
    data = make_project(video={"bad_clips": "quarantine"}).datasets["sample"]
    sections = {"frames": ("decode", data.video), "iuv": ("densepose", data.densepose), "warps": ("warp", data.warp)}
    for folder, (stage, settings) in sections.items():
        with ShardWriter(Path("cache/sample") / folder / "000.h5", stage, settings.decisive()):
            pass
    return make_project


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"video": {"bad_clips": "fail"}},
        {"densepose": {"backend": "precomputed", "batch": 1, "bad_clips": "quarantine", "weights": "mine.pkl"}},
        {"warp": {"engine": "lattice"}},
    ],
    ids=str,
)
def test_a_shared_cache_is_taken_over_where_its_settings_are_the_same(shared, sections):
    check_settings(shared(**sections), TRAIN)


@pytest.mark.parametrize(
    ("sections", "words"),
    [({"warp": {"seed": 1}}, r"warps/000\.h5: .*warp\.seed was 0"), ({"video": {"fps": 5.0}}, r"frames/000\.h5: .*video\.fps was None")],
    ids=str,
)
def test_a_shared_cache_with_other_settings_is_refused_unless_it_is_made_anew(shared, sections, words):
    project = shared(**sections)
    with pytest.raises(InputError, match=words):
        check_settings(project, TRAIN)
    made_anew = [Due("clips", {"dataset": "sample"}), *TRAIN]
    check_settings(project, made_anew)
    check_settings(project, [])


def test_of_a_stage_that_is_due_only_what_it_reads_counts(shared):
    check_settings(shared(warp={"seed": 1}), WARP)
    with pytest.raises(InputError, match=r"video\.fps"):
        check_settings(shared(video={"fps": 5.0}), WARP)
