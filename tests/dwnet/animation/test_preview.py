"""The preview: its picture, its weak frames, and that nothing is generated for it."""

import numpy as np
import pytest
import typer
from people import draw
from PIL import Image
from tiny_model import save_tiny_model
from typer.testing import CliRunner

from densepose_cache.core.coco import JOINTS
from densepose_cache.core.errors import InputError
from densepose_cache.iuv import write_iuv_png
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.video import probe, read_frames
from dwnet.animation.motion import DrivingFrame, Motion, paced_motion
from dwnet.animation.pace import Pace
from dwnet.animation.person import Person
from dwnet.animation.preview.drawing import Page
from dwnet.animation.preview.preview import SMALLEST, preview
from dwnet.animation.preview.skeleton import BODY, joints
from dwnet.animation.preview.weak import listed
from dwnet.cli.animation.animate import command

SIZE = 64


def test_joints_lie_where_the_body_has_them():
    """Of every visible joint of rendered people, but a few, within five pixels of 128."""
    near = []
    for frame in RenderedClip(np.random.default_rng([9, 1]), size=128, frames=4, fps=4, motion="arms"):
        found = joints(frame.iuv)
        exact = {name: frame.keypoints[JOINTS.index(name)] for name in BODY}
        near += [name in found and np.hypot(*(np.array(found[name]) - place[:2])) < 5 for name, place in exact.items() if place[2] > 0]
    assert len(near) > 20 and np.mean(near) > 0.9
    assert joints(np.zeros((8, 8, 3), np.uint8)) == {}


def motion_of(frames: list[DrivingFrame], repeats=None) -> Motion:
    shown = np.repeat(np.arange(len(frames)), 1 if repeats is None else repeats)
    return paced_motion(SIZE, True, Pace(shown, 10.0), lambda pace: iter_of(frames), lambda numbers: (frames[n].iuv for n in numbers))


def iter_of(frames):
    yield from frames


def test_weak_frames_are_marked_and_their_times_listed(tmp_path, capsys):
    rgb, iuv = draw(0, 0, SIZE)
    elsewhere = np.roll(iuv, 20, 1)
    plain = DrivingFrame(iuv, rgb, score=0.95, people=1)
    weak = [{"held": True}, {"score": 0.5}, {"people": 3}, {"iuv": elsewhere}]
    frames = [plain] * 3 + [plain._replace(**change) for change in weak]
    out = tmp_path / "out.mp4"
    preview(Person(rgb, iuv), motion_of(frames, np.array([1, 2, 1, 1, 1, 1, 1])), out)
    assert "4 weak frames: 0.40 s nobody found, 0.50 s low score 0.50, 0.60 s 3 people, 0.70 s jump" in capsys.readouterr().err
    shown = np.stack(list(read_frames(out))).astype(int)
    assert shown.shape == (8, *Page(SMALLEST, 7).size[::-1], 3)
    reddish = (shown[..., 0] > 180) & (shown[..., 1] < 90) & (shown[..., 2] < 100)
    border = reddish[:, : shown.shape[1] * 3 // 4].sum((1, 2))
    assert (border[4:] > 5 * border[:4].max() + 1000).all()


def test_spells_of_weak_frames_are_one():
    found = [(0.0, 0.1, "nobody found"), (0.1, 0.2, "nobody found"), (0.5, 0.6, "2 people"), (0.7, 0.8, "2 people")]
    assert listed(found) == "4 weak frames: 0.00 to 0.10 s nobody found, 0.50 s 2 people, 0.70 s 2 people"
    assert listed([]) == "no weak frames"
    assert listed([(float(k), k + 0.5, "jump") for k in range(14)]).endswith("11.00 s jump, and 2 more times")


@pytest.fixture
def files(tmp_path):
    """A photo and a motion file's video, with maps beside them, and a model."""
    image, iuv = draw(0, 0, SIZE)
    Image.fromarray(image).save(tmp_path / "person.png")
    write_iuv_png(tmp_path / "person_IUV.png", iuv)
    for folder in ("frames", "dp_target"):
        (tmp_path / folder).mkdir()
    for number in range(3):
        image, iuv = draw(1, number, SIZE)
        Image.fromarray(image).save(tmp_path / "frames" / f"{number}.png")
        write_iuv_png(tmp_path / "dp_target" / f"{number}_IUV.png", iuv)
    save_tiny_model(tmp_path / "model" / "model.safetensors")
    return tmp_path


def run(command_, *arguments):
    app = typer.Typer()
    app.command()(command_)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_writes_the_preview_and_does_not_generate(files, monkeypatch):
    monkeypatch.setattr("dwnet.animation.job.animate", lambda *_: pytest.fail("frames are generated"))
    out = files / "out.mp4"
    said = run(command, files / "person.png", files / "frames", "-o", out, "--model", files / "model", "--size", SIZE, "--preview")
    assert "no weak frames" in said and "3 frames" in said
    assert probe(out).frames_estimate == 3


def test_a_motion_file_has_plain_ground(files):
    from dwnet.cli.animation.motion import command as motion

    run(motion, files / "frames", "-o", files / "x.motion.h5", "--size", SIZE)
    out = files / "out.mp4"
    run(command, files / "person.png", files / "x.motion.h5", "-o", out, "--model", files / "model", "--size", SIZE, "--preview")
    page = next(iter(read_frames(out)))
    right = page[60, page.shape[1] // 2 + 40 : -40]
    assert np.abs(right[0].astype(int) - (226, 230, 235)).max() < 8
