"""Projects of small configurations, in a working folder of their own."""

import pytest

from dwnet.workflow.project import Project, read_project

SAMPLE = {"kind": "sample", "train": 3, "test": 1, "size": 64, "frames": 6}


@pytest.fixture(autouse=True)
def _working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make_project():
    """Function from shared sections to a project with the data set `sample`, or from `datasets` to one with those."""

    def make(**sections) -> Project:
        return read_project({"datasets": {"sample": {"source": SAMPLE, "shards": 2}}, "densepose": {"backend": "precomputed"}} | sections)

    return make


@pytest.fixture
def project(make_project) -> Project:
    return make_project()
