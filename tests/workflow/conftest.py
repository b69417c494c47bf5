import subprocess

import pytest
from environments import narrow_subcommands
from tiny_project import TINY, Project


@pytest.fixture
def make_project(tmp_path):
    return lambda config: Project(tmp_path, config)


@pytest.fixture
def copied(finished, tmp_path):
    """Function from a configuration to a copy of the finished project with it, whose links are links within the copy."""

    def copy(config: dict) -> Project:
        subprocess.run(["cp", "-a", finished.folder, tmp_path / "copy"], check=True)
        return Project(tmp_path / "copy", config)

    return copy


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose tiny sample has run from rendering to the report, once for all tests, each subcommand with its environment's
    packages."""
    project = Project(tmp_path_factory.mktemp("tiny"), TINY)
    with narrow_subcommands(tmp_path_factory.mktemp("narrow")):
        process = project.start("results/sample/metrics.json")  # the program itself
        said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    project.first = subprocess.CompletedProcess(process.args, process.returncode, said)
    return project
