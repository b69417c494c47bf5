"""One process at a time at a file."""

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from densepose_cache.core.errors import InputError
from densepose_cache.storage import atomic as whole
from densepose_cache.storage.atomic import only_writer, write_text_whole, written_whole
from densepose_cache.storage.lock import Taken, alone

HOLD = """
import sys, time
from pathlib import Path
from densepose_cache.storage.atomic import written_whole
with written_whole(Path(sys.argv[1])) as temporary:
    temporary.write_text("theirs")
    print("inside", flush=True)
    sys.stdin.readline()
"""


@contextlib.contextmanager
def other(path):
    """A process that is writing `path` until it reads a line."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout.readline() == "inside\n"
        yield process
        process.kill()


LENT = """
import sys
from pathlib import Path
from densepose_cache.storage.lock import alone, lent
path = Path(sys.argv[1])
with lent(path), alone(path, wait=False):
    path.write_text("the child's")
with alone(path, wait=False):
    pass
"""


def test_a_process_that_is_started_inside_writes_what_it_is_lent_and_no_more(tmp_path):
    """A record lock is one process's own: without the loan the child would wait for its parent, which waits for it."""
    path = tmp_path / "model.safetensors"
    with alone(path):
        child = subprocess.run([sys.executable, "-c", LENT, str(path)], stderr=subprocess.PIPE, text=True, timeout=600)
    assert path.read_text() == "the child's"
    assert child.returncode == 1 and f"Taken: process {os.getpid()} on" in child.stderr


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_second_writer_waits_and_says_for_whom(tmp_path, capfd):
    path = tmp_path / "table.csv"
    with other(path) as process:
        with pytest.raises(Taken, match=f"process {process.pid} on .* in {Path.cwd()}"), alone(path, wait=False):
            pass
        waiting = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert waiting.stderr.readline().startswith(f"waiting for process {process.pid} on ")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait() == 0 and path.read_text() == "theirs"
        waiting.communicate("\n")
        assert waiting.returncode == 0
    assert names(tmp_path) == ["table.csv"]


def test_a_killed_writer_holds_nobody_up_and_what_it_left_is_removed(tmp_path, capfd):
    path = tmp_path / "table.csv"
    with other(path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert [name for name in names(tmp_path) if name.endswith(".tmp")]
        (tmp_path / ".other.csv.1-00000000.tmp").touch()
        write_text_whole(path, "mine")
    assert names(tmp_path) == [".other.csv.1-00000000.tmp", "table.csv"] and path.read_text() == "mine"
    assert "waiting" not in capfd.readouterr().err


def test_a_process_may_ask_again_inside(tmp_path):
    path = tmp_path / "table.csv"
    with only_writer(path), written_whole(path) as temporary:
        with only_writer(path):
            temporary.write_text("mine")
        assert set(names(tmp_path)) == {".table.csv.lock", temporary.name}
    assert names(tmp_path) == ["table.csv"]


def test_forked_processes_do_not_hold_the_lock(tmp_path):
    path = tmp_path / "table.csv"
    with alone(path):
        child = os.fork()
        if not child:
            time.sleep(600)
            os._exit(0)
    try:
        with alone(path, wait=False) as locked:
            assert locked
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@pytest.mark.parametrize("fork", [os.fork, ctypes.CDLL(None).fork])
def test_children_of_a_killed_process_do_not_hold_its_lock(tmp_path, fork):
    path = tmp_path / "table.csv"
    answer, child = os.pipe()
    holder = os.fork()
    if not holder:
        with alone(path):
            number = fork()
            if number:
                os.write(child, str(number).encode())
            time.sleep(60)
            os._exit(0)
    number = int(os.read(answer, 20))
    try:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
        with alone(path, wait=False) as locked:
            assert locked
    finally:
        os.kill(number, signal.SIGKILL)
        os.close(answer)
        os.close(child)


def test_without_locks_everything_is_written_and_nothing_of_others_removed(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "lockf", no_locks)
    (tmp_path / ".table.csv.1-00000000.tmp").touch()
    with alone(tmp_path / "table.csv") as locked:
        assert locked is False
        write_text_whole(tmp_path / "table.csv", "mine")
    assert {".table.csv.1-00000000.tmp", "table.csv"} <= set(names(tmp_path))


def test_a_folder_that_is_none_is_named(tmp_path):
    (tmp_path / "cache").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=rf"{tmp_path}/cache/frames: cannot be written to \(file exists\); name another folder$"):
        write_text_whole(tmp_path / "cache" / "frames" / "table.csv", "mine")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=rf"{tmp_path}/file: cannot be written to \(not a directory\); name another folder$"):
        write_text_whole(tmp_path / "file" / "table.csv", "mine")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_folder_that_may_not_be_written_to_is_named(tmp_path, monkeypatch, number):
    def refused(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(whole, "alone", refused)
    with pytest.raises(InputError, match=rf"{tmp_path}: cannot be written to \({os.strerror(number).lower()}\); .* `folders`"):
        write_text_whole(tmp_path / "table.csv", "mine")
