"""Folders that are gone, seem not to be mounted, or may only be read."""

import contextlib
import os
import subprocess

import pytest
from outputs import forget
from tiny_project import TINY, Project

METRICS = "results/sample/metrics.json"


def test_a_folder_that_seems_not_to_be_mounted_stops_before_any_job(make_project, tmp_path):
    disk = tmp_path / "disk"
    project = make_project(TINY | {"folders": {"cache": str(disk / "lab" / "cache")}})
    said = refused(project)
    assert f"folders.cache: {disk / 'lab'}, in which cache is to be made, is not there" in said
    assert "mount its file system, make the folder yourself, or correct the path" in said
    (disk / "lab").mkdir(parents=True)
    assert f"folders.cache: {disk / 'lab'}, in which cache is to be made, is empty and nothing is mounted there" in refused(project)
    assert not any((disk / "lab").iterdir())
    (disk / "lab" / "cache").mkdir()
    assert project.run("--dry-run", METRICS).returncode == 0
    (tmp_path / "results").symlink_to(disk / "results")
    assert f"folders.results: results is a link to {disk / 'results'}" in refused(project)


def refused(project: Project) -> str:
    """What is said of a run that starts no job."""
    done = project.run("--until", "train", "--", project.config["folders"].get("results", "results") + "/sample/metrics.json")
    assert done.returncode != 0 and project.jobs(done) == {} and "Traceback" not in done.stdout
    return done.stdout


@pytest.mark.slow
def test_a_cache_that_may_only_be_read_is_trained_from_and_never_written_to(copied):
    elsewhere = TINY | {"folders": {"results": "other"}}
    project = copied(elsewhere)
    folder = project.folder
    with read_only(folder / "cache"):
        done = project.run("--until", "train", "--", "other/sample/metrics.json")
        assert done.returncode == 0, done.stdout
        assert project.jobs(done) == {"train": 1}
        project.configure(elsewhere | {"video": TINY["video"] | {"pad": [0, 0, 0]}})
        assert "Write-protected output files" in refused(project)
    model = "sample/runs/full/model.safetensors"
    assert (folder / "other" / model).read_bytes() == (folder / "results" / model).read_bytes()

    project.configure(elsewhere)
    forget(folder, "index")
    with read_only(folder / "cache"):
        said = refused(project)
    assert "cache/sample: cannot be written to (read-only file system); make it writable for you, or name another folder" in said


@contextlib.contextmanager
def read_only(folder):
    """Context manager in which nobody, root either, can write to `folder`."""
    if os.geteuid():
        pytest.skip("a folder is mounted read-only as root only")
    for options in (["--bind", folder, folder], ["-o", "remount,bind,ro", folder]):
        done = subprocess.run(["mount", *options], capture_output=True, text=True)
        if done.returncode:
            subprocess.run(["umount", folder], capture_output=True)
            pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
