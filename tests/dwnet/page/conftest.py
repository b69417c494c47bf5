"""A server of the page with a tiny generator, as a process of its own, and a browser that reaches nothing but this machine."""

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from page_server import Served
from PIL import Image
from tiny_model import save_tiny_model

from densepose_cache.rendered.render import RenderedClip
from densepose_cache.video import write_video

FRAMES, FPS = 8, 8


def needed(what: str, there: object):
    """Skip where `what` is not `there`; where continuous integration runs, fail."""
    if not there:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is missing")


@pytest.fixture(scope="session")
def gradio():
    needed("Gradio (pip install 'gradio>=6')", importlib.util.find_spec("gradio"))


class Files(NamedTuple):
    """Files to upload, and a model; `dance` has 8 frames, 8 a second, `long` 9.6 seconds, 25 a second."""

    photo: Path
    dance: Path
    long: Path
    text: Path
    model: Path


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    frames = [frame.rgb for frame in RenderedClip(np.random.default_rng(3), size=128, frames=FRAMES, fps=FPS, motion="arms")]
    made = Files(*(folder / name for name in ("anna.jpg", "dance.mp4", "long.mp4", "notes.txt", "model.safetensors")))
    Image.fromarray(frames[0]).save(made.photo, quality=95)
    write_video(made.dance, frames, FPS)
    write_video(made.long, [frames[t % FRAMES] for t in range(240)], 25)
    made.text.write_text("no picture")
    save_tiny_model(made.model, "compose")
    return made


@pytest.fixture(scope="module")
def served(gradio, files, tmp_path_factory):
    """The page, served with small limits."""
    server = Served(tmp_path_factory.mktemp("served"), files.model, "--max-seconds", "9", "--max-megabytes", "2")
    yield server
    server.end()
    assert "Traceback" not in server.log and list(server.temporary.iterdir()) == []


@pytest.fixture(scope="module")
def chromium():
    """A browser for which no other host has an address."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    needed("Chromium (apt install chromium chromium-driver)", binary and driver)
    needed("Selenium (pip install selenium)", importlib.util.find_spec("selenium"))
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--mute-audio", "--window-size=1280,900", rules):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield browser
    browser.quit()
