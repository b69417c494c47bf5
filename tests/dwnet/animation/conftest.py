"""A cache folder of its own for every test of this folder."""

import pytest


@pytest.fixture(autouse=True)
def cache_home(tmp_path_factory, monkeypatch):
    """The folder that stands for the user's cache."""
    folder = tmp_path_factory.mktemp("cache_home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder
