"""Versions of installed packages."""

import platform

import numpy

from densepose_cache.core.versions import installed_versions


def test_versions_are_those_that_run():
    assert installed_versions(["numpy"]) == {"python": platform.python_version(), "numpy": numpy.__version__}


def test_packages_that_are_not_installed_are_left_out():
    assert list(installed_versions(["no-package-is-named-so", "numpy"])) == ["python", "numpy"]
