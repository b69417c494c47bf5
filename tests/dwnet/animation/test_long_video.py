"""Memory of `dwnet animate` does not grow with the video; a stop says how far it came."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest
from people import draw
from PIL import Image
from tiny_model import save_tiny_model

from densepose_cache.iuv import write_iuv_png
from densepose_cache.video import probe, write_video

SIZE = 64
COMMAND = (
    "import atexit, re, signal, sys\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a job in the background is born deaf to it
    "atexit.register(lambda: print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]))\n"
    "from dwnet.cli.main import main\nmain()"
)


def long_video(folder: Path, name: str, frames: int) -> Path:
    """A video with its maps beside it: a figure that goes forth and back."""
    places = np.abs((np.arange(frames) % 20) - 10) // 2
    drawn = [draw(0, place, SIZE) for place in range(6)]
    write_video(folder / f"{name}.mp4", (drawn[place][0] for place in places), 25)
    with h5py.File(folder / f"{name}.iuv.h5", "w") as file:
        maps = file.create_dataset("iuv", (frames, SIZE, SIZE, 3), np.uint8, chunks=(1, SIZE, SIZE, 3), **hdf5plugin.LZ4())
        for number, place in enumerate(places):
            maps[number] = drawn[place][1]
    return folder / f"{name}.mp4"


def start(folder: Path, video: Path, out: Path) -> subprocess.Popen:
    words = ["animate", folder / "person.png", video, "-o", out, "--model", folder, "--size", SIZE]
    command, alone = [sys.executable, "-c", COMMAND, *map(str, words)], {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=alone, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def person(tmp_path_factory) -> Path:
    """A folder with a photo, its map and a small model."""
    folder = tmp_path_factory.mktemp("person")
    rgb, iuv = draw(1, 0, SIZE)
    Image.fromarray(rgb).save(folder / "person.png")
    write_iuv_png(folder / "person_IUV.png", iuv)
    save_tiny_model(folder / "model.safetensors", "dwnet")
    return folder


@pytest.mark.slow
def test_memory_does_not_depend_on_the_length(person, tmp_path):
    peaks = {}
    for frames in (300, 15_000):
        process = start(person, long_video(tmp_path, f"v{frames}", frames), tmp_path / f"out{frames}.mp4")
        said, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
        peaks[frames] = int(said.split()[-1])
        assert probe(tmp_path / f"out{frames}.mp4").frames_estimate == frames
    assert peaks[15_000] <= 1.05 * peaks[300], peaks


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stop_says_how_far_it_came_and_leaves_nothing(person, tmp_path, sent, code):
    out = tmp_path / "out" / "out.mp4"
    out.parent.mkdir()
    process = start(person, long_video(tmp_path, "long", 4000), out)
    while process.poll() is None and len(list(out.parent.iterdir())) < 2:  # the lock, and the video under its temporary name
        time.sleep(0.01)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == code, errors
    stopped = re.search(r"out\.mp4: stopped after (\d+) of 4000 frames; nothing is written", errors)
    assert stopped and int(stopped[1]) < 4000
    assert not [path for path in out.parent.iterdir() if path.suffix != ".lock" and not path.name.startswith(".")]
