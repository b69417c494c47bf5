import os
import resource
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real clips and reference numbers, from DWNET_TEST_DATA."""
    folder = os.environ.get("DWNET_TEST_DATA")
    if not folder:
        pytest.skip("DWNET_TEST_DATA is unset: set it to a folder with data/ubc_sample and parity/")
    if not Path(folder).is_dir():
        pytest.fail(f"DWNET_TEST_DATA={folder} is no folder")
    return Path(folder)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The tests of a file go to one process, and so do all that need the finished project of the workflow, which is made once.

    These come first, then files with a slow test, so that the others run beside them.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    for item in items:
        group = "finished" if "finished" in item.fixturenames else item.path.relative_to(TESTS)
        item.add_marker(pytest.mark.xdist_group(str(group)))
    items.sort(key=lambda item: ("finished" not in item.fixturenames, item.path not in slow))


@pytest.fixture
def room():
    """Function that leaves room for a number of bytes in every file that this process writes, None for as many as one likes."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def leave(size: int | None):
        resource.setrlimit(resource.RLIMIT_FSIZE, (most if size is None else size, most))

    yield leave
    leave(None)
