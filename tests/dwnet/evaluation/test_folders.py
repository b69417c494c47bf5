"""Anybody's videos beside the real ones: known cases, the same figures as of a rollout, one clear error for what does not match."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from small_cache import write_split
from tiny_model import save_tiny_model
from typer.testing import CliRunner

from densepose_cache.core.errors import InputError
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.video import write_video
from dwnet.cli import evaluate as subcommand
from dwnet.config import EvaluateSettings
from dwnet.evaluation.evaluate import evaluate
from dwnet.evaluation.keypoints import mediapipe_pose
from dwnet.evaluation.runs import check_alike, load_run
from dwnet.inference.rollout import rollout
from dwnet.inference.rollout_file import RolloutReader

SIZE, FRAMES = 64, 5


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    """A cache of maps of their own, and no pose model."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setattr(mediapipe_pose, "TASK", Path("no pose model"))
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def people():
    """{name: frames (T, S, S, 3)} of two rendered people, and their maps."""
    clips = {
        name: list(RenderedClip(np.random.default_rng(seed), size=SIZE, frames=FRAMES, fps=10, motion="walk", background="photo"))
        for seed, name in enumerate(("ann", "bob"))
    }
    return {name: (np.stack([f.rgb for f in clip]), np.stack([f.iuv for f in clip])) for name, clip in clips.items()}


@pytest.fixture
def real(people, tmp_path):
    """A folder of folders of frames, with their maps beside them."""
    for name, (frames, maps) in people.items():
        save(tmp_path / "real" / name, frames)
        save(tmp_path / "real" / f"{name}_IUV", maps[..., ::-1], "_IUV")
    return tmp_path / "real"


def save(folder, frames, ending=""):
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        Image.fromarray(np.ascontiguousarray(frame)).save(folder / f"{number:04d}{ending}.png")


def run(*arguments, exit_code=0):
    app = typer.Typer()
    app.command()(subcommand.command)
    settings = json.dumps({"features": "embedded"})
    done = CliRunner().invoke(app, [*map(str, arguments), "--settings", settings], catch_exceptions=False)
    assert done.exit_code == exit_code, done.output
    return done.output


def measured(pred, real, tmp_path, *options):
    run("--pred", pred, "--real", real, "--out", tmp_path / "out.json", *options)
    return json.loads((tmp_path / "out.json").read_text())


def test_the_same_frames_are_perfect_and_shifted_ones_are_not(people, real, tmp_path):
    for name, (frames, _) in people.items():
        save(tmp_path / "same" / name, frames)
        save(tmp_path / "shifted" / name, np.roll(frames, 2, axis=2))
    same, shifted = measured(tmp_path / "same", real, tmp_path), measured(tmp_path / "shifted", real, tmp_path)
    values = {name: value["value"] for name, value in same["metrics"].items()}
    assert values["l1"] == values["l1_body"] == values["perceptual_efficientnet_lite0"] == 0 and values["ssim"] == 1
    assert values["frechet_efficientnet_lite0"] < 1e-3
    assert same["protocol"]["method"] == "same" and same["protocol"]["frames"] == 2 * FRAMES and set(same["clips"]) == {"ann", "bob"}
    wanted = np.mean([np.abs(np.roll(frames, 2, axis=2) / 255.0 - frames / 255.0).mean() for frames, _ in people.values()])
    assert shifted["metrics"]["l1"]["value"] == pytest.approx(wanted, rel=1e-5)
    on_body = []
    for frames, maps in people.values():
        difference = np.abs(np.roll(frames, 2, axis=2) / 255.0 - frames / 255.0).mean(-1)
        on_body += [difference[t][maps[t, ..., 0] > 0].mean() for t in range(FRAMES)]
    assert shifted["metrics"]["l1_body"]["value"] == pytest.approx(np.mean(on_body), rel=1e-4)
    assert shifted["intervals"] == {"none": "2 clips; at least 5 are needed for intervals over clips"}


def test_others_frames_of_a_rollout_give_its_metrics(tmp_path):
    lengths = {f"clip{number}": 3 for number in range(5)}
    data, model = write_split(tmp_path / "test.h5", lengths), save_tiny_model(tmp_path / "model.safetensors")
    settings = EvaluateSettings(features="embedded")
    rollout(model, data, settings, tmp_path / "rollout.h5")
    wanted = evaluate(tmp_path / "rollout.h5", data, model, settings, tmp_path / "weights", tmp_path / "ours/metrics.json")
    with RolloutReader(tmp_path / "rollout.h5") as reader:
        for name in lengths:
            save(tmp_path / "theirs" / name, reader.frames(name, slice(0, 3)))
    run("--pred", tmp_path / "theirs", "--real", data, "--out", tmp_path / "theirs.json", "--name", "someone's")
    found = json.loads((tmp_path / "theirs.json").read_text())
    assert found["metrics"] == wanted["metrics"] and found["protocol"]["method"] == "someone's"
    (tmp_path / "ours/rollout.h5").hardlink_to(tmp_path / "rollout.h5")
    (tmp_path / "other").mkdir()
    for name in ("theirs.json", "features.h5"):
        (tmp_path / name).rename(tmp_path / "other" / name.replace("theirs", "metrics"))
    check_alike(load_run(tmp_path / "ours/metrics.json"), load_run(tmp_path / "other/metrics.json"))


def test_videos_are_measured_as_folders_are(people, tmp_path):
    for name, (frames, _) in people.items():
        for folder in ("pred", "real"):
            (tmp_path / folder).mkdir(exist_ok=True)
            write_video(tmp_path / folder / f"{name}.mp4", frames, 10)
    assert measured(tmp_path / "pred", tmp_path / "real", tmp_path)["metrics"]["l1"]["value"] == 0


def test_what_does_not_match_is_named_with_the_way_out(people, real, tmp_path):
    frames = people["ann"][0]

    def refused(frames, words, *options, name="ann"):
        folder = tmp_path / f"pred{len(list(tmp_path.iterdir()))}"
        save(folder / name, frames)
        with pytest.raises(InputError, match=words):
            run("--pred", folder, "--real", real, "--out", tmp_path / "out.json", *options)
        assert not list(tmp_path.glob("*out*")) and not list(tmp_path.glob("features*"))

    refused(frames[:, :32], r"ann: is 64x32, but .*real/ann is 64x64; scale one of them")
    refused(frames[:3], r"ann: has 3 frames, but .*real/ann has 5; cut the longer one, or .*max_frames")
    refused(frames, r"eve: there is no real video of that name; there are ann, bob", name="eve")
    with pytest.raises(InputError, match="nothing: no such folder"):
        run("--pred", tmp_path / "nothing", "--real", real, "--out", tmp_path / "out.json")
    with pytest.raises(InputError, match="give --rollout, --data and --model, or --pred and --real"):
        run("--pred", real, "--out", tmp_path / "out.json")
    for rate, folder in ((10, "slow"), (20, "fast")):
        (tmp_path / folder).mkdir()
        write_video(tmp_path / folder / "ann.mp4", frames, rate)
    with pytest.raises(InputError, match=r"fast/ann\.mp4: has 20 frames a second, but .*slow/ann\.mp4 has 10; convert"):
        run("--pred", tmp_path / "fast", "--real", tmp_path / "slow", "--out", tmp_path / "out.json")


def test_frames_that_are_no_squares_need_a_size(people, tmp_path):
    frames, maps = (part[:, :, 8:56] for part in people["ann"])
    for folder in ("pred", "real"):
        save(tmp_path / folder / "ann", frames)
    save(tmp_path / "real/ann_IUV", maps[..., ::-1], "_IUV")
    with pytest.raises(InputError, match="is 48x64, but metrics are of squares of one size; --size 256"):
        measured(tmp_path / "pred", tmp_path / "real", tmp_path)
    found = measured(tmp_path / "pred", tmp_path / "real", tmp_path, "--size", 32)
    assert found["protocol"]["size"] == 32 and found["metrics"]["l1"]["value"] == 0
