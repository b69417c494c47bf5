"""One coded video of 100 frames, and a web server, for all tests of this folder."""

import pytest
from coded_video import write_coded
from web_server import WebServer


@pytest.fixture(scope="session")
def coded(tmp_path_factory):
    """Path of a 64x48 MP4 at 25 frames a second whose frames carry the numbers 0..99."""
    return write_coded(tmp_path_factory.mktemp("coded") / "coded.mp4", 100)


@pytest.fixture
def web():
    """A web server on 127.0.0.1."""
    server = WebServer()
    yield server
    server.close()
