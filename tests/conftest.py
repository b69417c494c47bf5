import os
import resource
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real clips and reference numbers, from DWNET_TEST_DATA."""
    folder = os.environ.get("DWNET_TEST_DATA")
    if not folder:
        pytest.skip("DWNET_TEST_DATA is unset: set it to a folder with data/ubc_sample and parity/")
    if not Path(folder).is_dir():
        pytest.fail(f"DWNET_TEST_DATA={folder} is no folder")
    return Path(folder)


def pytest_collection_modifyitems(items):
    """Files with a slow test come first, so that the others run beside them."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def room():
    """Function that leaves room for a number of bytes in every file that this process writes, None for as many as one likes."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def leave(size: int | None):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))

    yield leave
    leave(None)
