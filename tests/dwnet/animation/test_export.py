"""`dwnet export`: a step in another runtime makes the frames that PyTorch makes."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import typer
from people import draw
from PIL import Image
from small_cache import write_split
from tiny_model import MODELS, save_tiny_model, tiny_generator
from typer.testing import CliRunner

from densepose_cache.core.errors import InputError
from densepose_cache.iuv import write_iuv_png
from densepose_cache.video import probe, read_frames, write_video
from dwnet.animation.export.compare import largest_difference, rendered_driving
from dwnet.animation.export.files import FACTS, INSTALL, export
from dwnet.animation.export.step import LEADING, MEANINGS, Step, StepInputs
from dwnet.animation.job import Job, Studio
from dwnet.cli.animation import animate
from dwnet.cli.animation import export as subcommand
from dwnet.config import AnimateSettings
from dwnet.inference.driving import FreeDriving
from dwnet.inference.rollout import generate_frames, to_pixels

EXAMPLE = Path(__file__).parents[3] / "examples" / "onnx_animate.py"
FRAMES = 4
WITHOUT = f"onnx or onnxruntime is not installed ({INSTALL})"


def run(command, *arguments):
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model of each kind, a cache, a picture and a video with IUV maps beside them."""
    folder = tmp_path_factory.mktemp("export")
    for name in MODELS:
        save_tiny_model(folder / name / "model.safetensors", name)
    write_split(folder / "test.h5", {"a": 4})
    image, iuv = draw(0, 0)
    Image.fromarray(image).save(folder / "person.png")
    write_iuv_png(folder / "person_IUV.png", iuv)
    drawn = [draw(1, t) for t in range(FRAMES)]
    write_video(folder / "dance.mp4", [frame for frame, _ in drawn], 10)
    with h5py.File(folder / "dance.iuv.h5", "w") as file:
        file["iuv"] = np.stack([maps for _, maps in drawn])
    return folder


def test_a_script_makes_the_frames_of_the_rollout(files, generator, tmp_path):
    """From names, shapes and types that the file itself holds; the frame before is the script's own."""
    out, facts = tmp_path / "step.pt", {FACTS: ""}
    run(subcommand.command, files / generator, "-o", out, "--format", "torchscript", "--size", 36)
    script = torch.jit.load(out, _extra_files=facts)
    facts = json.loads(facts[FACTS])
    assert (facts["generator"], facts["size"], facts["output"]["shape"]) == (generator, 36, [1, 3, 36, 36])
    names = [value["name"] for value in facts["inputs"]]
    assert set(names) >= set(LEADING)
    driving = rendered_driving(36)
    inputs = StepInputs(tiny_generator(generator), driving)
    previous, made = inputs.fixed["source"], []
    for frame in inputs.frames(3):
        given = inputs.fixed | frame | {"previous": previous}
        for value in facts["inputs"]:
            tensor, bounds = given[value["name"]], value["range"]
            assert (list(tensor.shape), str(tensor.dtype)) == (value["shape"], f"torch.{value['dtype']}")
            assert bounds is None or (bounds[0] <= tensor.min() and tensor.max() <= bounds[1])
        previous = script(*(given[name] for name in names))
        made.append(to_pixels(previous))
    expected = list(generate_frames(tiny_generator(generator), [driving], [3], torch.device("cpu")))
    assert np.abs(np.stack(made).astype(int) - np.stack(expected)).max() <= 1


@pytest.mark.parametrize(
    ("kind", "size", "changes"),
    [
        ("compose", 64, {}),
        ("compose", 36, {"padding_mode": "border"}),
        ("compose", 36, {"padding_mode": "zeros", "previous": False}),
        ("compose", 64, {"refine": False, "coarse_warp": False}),
        ("dwnet", 64, {}),
        ("dwnet", 36, {"visibility": True, "iuv_input": "one_hot", "padding_mode": "zeros"}),
        ("dwnet", 36, {"refine": False, "coarse_warp": False, "previous": False}),
    ],
    ids=str,
)
def test_onnxruntime_agrees_with_pytorch(tmp_path, kind, size, changes):
    """Also where the size is no multiple of 16, for every padding, and where a generator takes fewer inputs."""
    onnx = pytest.importorskip("onnx", reason=WITHOUT)
    onnxruntime = pytest.importorskip("onnxruntime", reason=WITHOUT)
    network, out = tiny_generator(kind, **changes), tmp_path / "step.onnx"
    assert export(network, size, "onnx", out, {"of": "a test"}) < 1e-3
    model = onnx.load(out)
    facts = json.loads({each.key: each.value for each in model.metadata_props}[FACTS])
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    taken = [value.name for value in session.get_inputs()]
    assert [value["name"] for value in facts["inputs"]] == taken
    assert facts["of"] == "a test" and facts["opset"] == model.opset_import[0].version
    inputs = StepInputs(network, rendered_driving(size))
    first = inputs.fixed | next(inputs.frames(1)) | {"previous": inputs.fixed["source"]}
    given = {name: value.numpy() for name, value in first.items()}
    with torch.inference_mode():
        expected = Step(network, list(first))(*first.values()).numpy()
    assert np.abs(session.run(None, {name: given[name] for name in taken})[0] - expected).max() < 1e-3


def test_the_example_needs_neither_torch_nor_this_package(files, generator, tmp_path):
    """Its video is that of `dwnet animate`."""
    pytest.importorskip("onnx", reason=WITHOUT)
    pytest.importorskip("onnxruntime", reason=WITHOUT)
    pair = files / "person.png", files / "dance.mp4"
    said = run(subcommand.command, files / generator, "-o", tmp_path / "step.onnx", "--size", 64, "--inputs", *pair)
    assert f"inputs of {FRAMES} frames: {tmp_path / 'step.inputs.npz'}" in said
    names = [tmp_path / "step.onnx", tmp_path / "step.inputs.npz", tmp_path / "other.mp4"]
    blocked = "import runpy, sys; sys.modules.update(torch=None, dwnet=None, densepose_cache=None)"
    code = f"{blocked}; runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code, *map(str, names)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    run(animate.command, *pair, "-o", tmp_path / "ours.mp4", "--model", files / generator, "--size", 64)
    ours, other = (np.stack(list(read_frames(tmp_path / name))).astype(int) for name in ("ours.mp4", "other.mp4"))
    assert probe(tmp_path / "other.mp4").fps == 10
    assert ours.shape == other.shape and np.abs(ours - other).mean() < 4, "two encoders"
    with np.load(tmp_path / "step.inputs.npz") as inputs:
        made = np.stack(list(runpy.run_path(str(EXAMPLE))["frames"](tmp_path / "step.onnx", inputs)))
    job = Job(*map(str, pair), tmp_path / "ours.mp4", AnimateSettings(size=64, device="cpu"))
    person, motion = Studio(str(files / generator)).load(job)
    driving = FreeDriving(person.image, person.iuv, [frame.iuv for frame in motion.read()], "lattice")
    expected = list(generate_frames(tiny_generator(generator), [driving], [FRAMES], torch.device("cpu")))
    assert np.abs(made.astype(int) - np.concatenate(expected)).max() <= 1


def test_a_step_that_departs_is_found():
    network = tiny_generator("compose")
    inputs = StepInputs(network, rendered_driving(36))
    names = [*inputs.fixed, "previous", *next(inputs.frames(1))]
    step = Step(network, names).eval()

    def other(given: dict[str, np.ndarray]) -> np.ndarray:
        with torch.inference_mode():
            return step(*(torch.from_numpy(given[name]) for name in names)).numpy() + np.float32(0.1)

    assert largest_difference(step, inputs, other) == pytest.approx(0.1, abs=1e-5)


def test_without_onnx_one_line_says_what_to_install(files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"the package onnx is missing, .*; pip install 'dwnet\[export\]', or take --format torchscript$"):
        run(subcommand.command, files / "compose", "-o", tmp_path / "step.onnx", "--size", 36)
    assert list(tmp_path.iterdir()) == []


def test_wrong_requests_write_nothing(files, tmp_path):
    out, script = tmp_path / "step.pt", ("--format", "torchscript")
    pair, clip = (files / "person.png", files / "dance.mp4"), f"{files}/test.h5:a"
    cases = [
        (("-o", out, "--size", 30), "frames of 30x30 pixels cannot be generated"),
        (("-o", out, "--size", 32, "--inputs", clip, clip), "its frames have a side of 64 pixels, not 32"),
        (("-o", files / "person.png", "--inputs", *pair), r"person\.png: an input would be overwritten; name another file with --output"),
    ]
    for arguments, message in cases:
        with pytest.raises(InputError, match=message):
            run(subcommand.command, files / "compose", *script, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_the_page_has_every_input():
    page = (EXAMPLE.parents[1] / "docs" / "export.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == list(MEANINGS)
