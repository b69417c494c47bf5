"""Compiled functions where the installation and the home folder may only be read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = """
import os
import numpy as np
import densepose_cache
from densepose_cache.video.plate import pull_push
assert pull_push(np.ones((8, 8, 3), np.float32), np.eye(8, dtype=bool)).sum() == 192
print(os.environ.get("NUMBA_CACHE_DIR"))
"""


def run(tmp_path, **environment):
    """Run SCRIPT in a mount namespace of its own in which nobody, root either, can write to the checkout."""
    mounts = f"mount --bind {ROOT} {ROOT} && mount -o remount,bind,ro {ROOT}"
    command = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", sys.executable, "-c", SCRIPT]
    (tmp_path / "tmp").mkdir(exist_ok=True)
    values = os.environ | {"PYTHONPATH": str(ROOT), "HOME": "/proc/none", "TMPDIR": str(tmp_path / "tmp")} | environment
    values = {name: value for name, value in values.items() if value is not None}
    done = subprocess.run(command, capture_output=True, text=True, env=values, cwd=tmp_path)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_private_folder_below_tmpdir_is_used(tmp_path):
    environment = {"XDG_CACHE_HOME": None, "NUMBA_CACHE_DIR": None}
    place = run(tmp_path, **environment)
    assert place == f"{tmp_path}/tmp/dwnet-{os.getuid()}/numba" and any(Path(place).rglob("*.nbc"))
    assert Path(place).parent.stat().st_mode & 0o777 == 0o700
    Path(place).parent.chmod(0o777)
    other = run(tmp_path, **environment)
    assert other != place and other.startswith(f"{tmp_path}/tmp/dwnet-")


def test_a_folder_that_is_named_comes_first(tmp_path):
    assert run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "named")) == str(tmp_path / "named")
    assert run(tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"), NUMBA_CACHE_DIR=None) == "None"
    assert any((tmp_path / "cache/numba").rglob("*.nbc"))
