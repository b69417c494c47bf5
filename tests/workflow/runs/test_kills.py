"""Runs of the whole workflow that are killed at random moments, a short version of `kill_runs.py`."""

import random

import pytest
from kill_runs import WAYS, kill_round, undisturbed
from tiny_project import TINY


@pytest.fixture(scope="module")
def reference(finished):
    finished.configure(TINY)
    return undisturbed(finished, finished.first.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_the_same_command_again_gives_the_same_results(reference, tmp_path, way):
    done = kill_round(reference, tmp_path / "round", way, random.Random(way), empty=False)
    assert not done.problems, str(done)
