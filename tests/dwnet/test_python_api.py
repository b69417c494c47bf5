"""The programs of docs/python-api.md, run as they stand there on small rendered videos."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from densepose_cache.cache.reader import SplitReader
from densepose_cache.iuv import write_iuv_png
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.video import probe, write_video
from dwnet.model.checkpoint import load_model

PAGE = Path(__file__).parents[2] / "docs" / "python-api.md"
PROGRAMS = dict(re.findall(r"^## (.+?)\n.*?^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S))
FRAMES = 5


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of its own to work in, and a cache folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path


def rendered(seed: int, size: int = 64, frames: int = FRAMES) -> tuple[np.ndarray, np.ndarray]:
    """Frames and maps (T, S, S, 3) of a rendered person who walks."""
    clip = list(RenderedClip(np.random.default_rng(seed), size=size, frames=frames, fps=5, motion="walk", background="plain"))
    return np.stack([frame.rgb for frame in clip]), np.stack([frame.iuv for frame in clip])


def video(path: Path, seed: int, **options):
    """A video with its maps beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rgb, iuv = rendered(seed, **options)
    write_video(path, rgb, 10)
    with h5py.File(path.with_name(f"{path.stem}.iuv.h5"), "w") as file:
        file["iuv"] = iuv


def run(title: str, smaller: dict[str, str], capsys) -> str:
    """What the program under a heading says; numbers of its text that `smaller` names are replaced, to be quick."""
    text = PROGRAMS[title]
    for words, others in smaller.items():
        assert text.count(words) == 1, words
        text = text.replace(words, others)
    exec(compile(text, title, "exec"), {"__name__": "__main__"})
    return capsys.readouterr().out


def test_a_picture_is_animated(folder, capsys):
    for seed, name in enumerate(("anna", "ben"), 1):
        rgb, iuv = rendered(seed, frames=2)
        Image.fromarray(rgb[0]).save(folder / f"{name}.jpg")
        write_iuv_png(folder / f"{name}_IUV.png", iuv[0])
    video(folder / "dance.mp4", 3)
    said = run("Animate a picture", {}, capsys)
    assert said.splitlines() == [f"animated/{name}.mp4: {FRAMES} frames at 10 a second, sound: False" for name in ("anna", "ben")]
    assert probe(folder / "animated" / "anna.mp4").frames_estimate == FRAMES


def test_a_generator_is_tuned_on_own_videos(folder, capsys):
    for seed in (1, 2):
        rgb, _ = rendered(seed, size=128, frames=8)
        (folder / "data" / "mine").mkdir(parents=True, exist_ok=True)
        write_video(folder / "data" / "mine" / f"{seed}.mp4", rgb, 10)
    said = run("Train on your own videos", {"steps=450": "steps=2", "batch=4": "batch=2", "size=128": "size=64"}, capsys)
    assert said.endswith("results/mine/model.safetensors\n")
    generator, facts = load_model(folder / "results" / "mine" / "model.safetensors")
    assert generator.settings.generator == "compose" and facts["size"] == 64 and facts["train"]["start"] == "embedded"
    with SplitReader(folder / "cache" / "mine" / "test.h5") as reader:
        assert len(reader.clips) == 1


def test_videos_of_others_are_measured(folder, capsys):
    """The real videos themselves are perfect; other people are not."""
    small = {"size, cpu, extraction, values = 256,": "size, cpu, extraction, values = 64,"}
    scores = []
    for seeds in ((1, 2), (3, 4)):
        for number, seed in enumerate(seeds):
            video(folder / "real" / f"{number}.mp4", number + 1)
            video(folder / "theirs" / f"{number}.mp4", seed)
        said = run("Measure somebody else's videos", small, capsys)
        scores.append({name: float(value) for name, value in (line.split(": ") for line in said.splitlines())})
    same, other = scores
    assert {"l1", "l1_body", "ssim", "perceptual_efficientnet_lite0", "perceptual_efficientnet_lite0_body"} <= same.keys()
    assert same["l1"] == same["perceptual_efficientnet_lite0"] == 0 and same["ssim"] == 1
    assert other["l1"] > 0.01 and other["perceptual_efficientnet_lite0"] > 0.01 and other["ssim"] < 0.99
