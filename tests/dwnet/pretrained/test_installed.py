"""The package as people install it: a wheel, unpacked far from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from densepose_cache.rendered.render import RenderedClip
from densepose_cache.video import probe, write_video
from dwnet.evaluation.keypoints.mediapipe_pose import TASK
from dwnet.pretrained import FOLDER

ROOT = Path(__file__).parents[3]
PACKAGED = ("dwnet", "densepose_cache", "pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY.md")
MISSING = "the generator that ships is not there: `make generator` trains it"
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
ANIMATE = "from dwnet.cli.main import main; main()"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds what a wheel of this project installs."""
    copy, folder = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("installed")
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, tracked.split("\n")):
        if (ROOT / name).is_file() and name.split("/")[0] in PACKAGED:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], cwd=copy, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.slow
def test_the_pose_model_is_in_the_package_with_its_record(installed):
    for path in (TASK, TASK.with_suffix(".json")):
        assert (installed / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not (FOLDER / "model.safetensors").is_file(), reason=MISSING)
def test_an_installed_package_animates_a_photo_with_a_video(installed, tmp_path):
    clip = list(RenderedClip(np.random.default_rng(3), size=96, frames=3, fps=5, motion="walk", background="plain"))
    Image.fromarray(clip[0].rgb).save(tmp_path / "photo.png")
    write_video(tmp_path / "dance.mp4", [frame.rgb for frame in clip], 5)
    words = ["animate", "photo.png", "dance.mp4", "-o", "out.mp4", "--size", "96"]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    code = f"import dwnet; assert dwnet.__file__.startswith({str(installed)!r}), dwnet.__file__; {ANIMATE}"
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    info = probe(tmp_path / "out.mp4")
    assert (info.width, info.height, info.frames_estimate) == (96, 96, 3)
