"""The server: who may reach it, what it serves, and what it leaves behind."""

import signal
import stat
import sys
import urllib.error
import urllib.request

import pytest
from page_server import Served

from densepose_cache.cli.subcommands import run_subcommands
from dwnet.cli.main import SUBCOMMANDS, SUMMARY


def status(url: str, data: bytes | None = None) -> int:
    """What the server answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.slow
def test_others_need_a_password_and_nothing_stays(gradio, files, tmp_path):
    """First a server that is killed; the next one removes what it left, is reached with a password alone, and leaves nothing."""
    killed = Served(tmp_path, files.model)
    (left,) = killed.temporary.iterdir()
    assert stat.S_IMODE(left.stat().st_mode) == 0o700
    for part in ("file=http://127.0.0.1/", "file=/etc/passwd", f"file={left}/server", "proxy=http://127.0.0.1/"):
        assert status(f"{killed.url}/gradio_api/{part}") in (403, 404)
    with urllib.request.urlopen(killed.url) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "http" not in policy
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL and left.exists()
    server = Served(tmp_path, files.model, "--host", "0.0.0.0", "--auth", "anna:secret")
    (own,) = server.temporary.iterdir()
    assert own != left
    for page in ("config", "gradio_api/info", f"gradio_api/file={own}/files/examples/turn.mp4"):
        assert status(f"{server.url}/{page}") == 401
    assert status(f"{server.url}/gradio_api/upload", data=b"") in (401, 422)
    assert status(f"{server.url}/login", b"username=anna&password=wrong") == 400
    assert status(f"{server.url}/login", b"username=anna&password=secret") == 200
    assert server.end() in (0, 143) and list(server.temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "error: at 0.0.0.0 others can reach the page; give a name and a password: --auth USER:PASSWORD"),
        (["--host", "::"], "error: at :: others can reach the page"),
        (["--auth", "anna"], "error: --auth must be a name and a password with a colon between them"),
        (["--auth", ":x"], "error: --auth must be a name and a password"),
    ],
)
def test_wrong_addresses_and_passwords(gradio, capsys, arguments, message):
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["serve", *arguments]) == 2
    assert capsys.readouterr().err.startswith(message)


def test_without_gradio_the_command_that_installs_it_is_said(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["serve"]) == 2
    assert capsys.readouterr().err == "error: the page needs Gradio; install it with: pip install 'gradio>=6'\n"
