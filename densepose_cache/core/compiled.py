"""Where numba keeps what it has compiled, on machines on which neither the installation nor the home folder can be written to."""

import os
import stat
import sys
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def place_cache(package: Path):
    """Let numba keep compiled functions in a private folder below TMPDIR where it would find no other.

    It looks for the folder of the `package`, then for the user's cache folder, and refuses to compile where it can write to neither.
    """
    if os.environ.get(VARIABLE) or os.access(package, os.W_OK) or _writable(_user_cache()):
        return
    os.environ[VARIABLE] = str(_private_folder() / "numba")
    if numba := sys.modules.get("numba"):
        numba.config.reload_config()


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "numba"  # noqa: PTH111 - there may be no home


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


def _private_folder() -> Path:
    """A folder below TMPDIR that nobody else can write to, the same one each time if nobody else has taken its name: what lies there is
    run."""
    path = Path(tempfile.gettempdir()) / f"dwnet-{os.getuid()}"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except FileExistsError:
        return Path(tempfile.mkdtemp(prefix="dwnet-"))
    found = path.lstat()
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    return path if private else Path(tempfile.mkdtemp(prefix="dwnet-"))
