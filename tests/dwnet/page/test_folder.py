"""The server's folder: what it holds, what goes with time and with the server."""

import os
import time

from densepose_cache.storage.lock import alone
from dwnet.page.folder import PREFIX, page_folder


def aged(path, seconds: float):
    """Let `path` and all in it be untouched for so long."""
    then = time.time() - seconds
    for each in (*path.rglob("*"), path):
        os.utime(each, (then, then))


def test_it_goes_with_the_server_and_takes_those_of_killed_ones_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"{PREFIX}killed" / "files").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    with page_folder() as folder:
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted([folder.root.name, "other"])
        (folder.visitor() / "animated.mp4").write_bytes(b"video")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_folder_whose_server_lives_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    living = tmp_path / f"{PREFIX}living"
    living.mkdir()
    child = os.fork()
    if not child:
        with alone(living / "server"):
            (living / "ready").touch()
            while (living / "ready").exists():
                time.sleep(0.02)
        os._exit(0)
    while not (living / "ready").exists():
        time.sleep(0.02)
    with page_folder():
        assert living.exists()
    (living / "ready").unlink()
    os.waitpid(child, 0)
    with page_folder():
        assert not living.exists()


def test_old_files_go_but_examples_and_those_in_use(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with page_folder() as folder:
        folder.examples.mkdir()
        old, used, new = (folder.visitor() for _ in range(3))
        for path in (folder.examples, old, used, new):
            (path / "photo.jpg").write_bytes(b"x")
        for path in (folder.examples, old, used):
            aged(path, 100)
        folder.sweep(50, spared={used})
        assert not old.exists() and all(path.exists() for path in (folder.examples, used, new))
        assert folder.inside(new / "photo.jpg") and not folder.inside(tmp_path / "photo.jpg")
        (new / "link.jpg").symlink_to("/etc/passwd")
        assert not folder.inside(new / "link.jpg") and not folder.inside(new / ".." / ".." / ".." / "photo.jpg")
        assert folder.plain(f"{new}/photo.jpg: is wrong; {folder.root}/iuv/a.h5") == "photo.jpg: is wrong; iuv/a.h5"
