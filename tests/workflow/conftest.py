import pytest
from environments import narrow_verbs
from tiny_project import TINY, Project


@pytest.fixture
def make_project(tmp_path):
    return lambda config: Project(tmp_path, config)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Project:
    """A project whose tiny sample has run from rendering to the report, once for all tests, each verb with its environment's packages."""
    project = Project(tmp_path_factory.mktemp("tiny"), TINY)
    with narrow_verbs(tmp_path_factory.mktemp("narrow")):
        done = project.run("results/sample/metrics.json")
    assert done.returncode == 0, done.stdout
    project.first = done
    return project
