"""`dwnet animate` with several pictures of one person."""

import re

import numpy as np
import pytest
import typer
from people import draw
from PIL import Image
from small_cache import write_split
from tiny_model import save_tiny_model
from typer.testing import CliRunner

from densepose_cache.core.errors import InputError
from densepose_cache.iuv import write_iuv_png
from densepose_cache.video import probe, read_frames
from dwnet.cli.animation.animate import command
from dwnet.inference.panels import caption_height, sheet_size

SIZE = 64


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, a cache with a motion, and two pictures of which the second has its map elsewhere."""
    folder = tmp_path_factory.mktemp("sources")
    save_tiny_model(folder / "model.safetensors", "compose")
    write_split(folder / "test.h5", {"a": 2, "b": 4})
    for name, frame in {"front": 0, "back": 3}.items():
        image, iuv = draw(0, frame)
        Image.fromarray(image if name == "front" else 255 - image).save(folder / f"{name}.png")
        iuv[..., 0] = np.where((iuv[..., 0] == 2) & (name == "back"), 1, iuv[..., 0])
        write_iuv_png(folder / ("front_IUV.png" if name == "front" else "map.png"), iuv)
    return folder


def run(*arguments):
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, InputError):
        raise result.exception
    return result


def animated(files, out, *arguments) -> bytes:
    assert run(*arguments, "-o", out, "--model", files).exit_code == 0
    return out.read_bytes()


def test_pictures_before_the_motion_or_as_options(files, tmp_path):
    front, back, motion, maps = files / "front.png", files / "back.png", f"{files}/test.h5:b", ("--source-iuv", files / "front_IUV.png")
    once = animated(files, tmp_path / "once.mp4", front, motion)
    maps += ("--source-iuv", files / "map.png")
    both = animated(files, tmp_path / "both.mp4", front, back, motion, *maps)
    assert both == animated(files, tmp_path / "option.mp4", front, motion, "--source", back, *maps) != once
    assert animated(files, tmp_path / "twice.mp4", front, front, motion) == once


def test_the_comparison_shows_all_pictures(files, tmp_path):
    out = tmp_path / "out.mp4"
    animated(files, out, f"{files}/test.h5:a", f"{files}/test.h5:b", f"{files}/test.h5:b", "--compare")
    compared = out.with_suffix(".compare.mp4")
    info, first = probe(compared), next(iter(read_frames(compared))).astype(int)
    assert (info.width, info.height) == sheet_size(6, SIZE)
    second = first[caption_height(SIZE) :, SIZE + 2 : 2 * SIZE + 2]
    like = [np.corrcoef(second[place].ravel(), picture[place].ravel())[0, 1] for picture, place in map(shown, (0, 1))]
    assert like[1] > 0.8 > like[0]


def shown(clip: int) -> tuple[np.ndarray, np.ndarray]:
    """The first frame of a drawn clip, and where its body is."""
    image, iuv = draw(clip, 0)
    return image, iuv[..., 0] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["front.png"], "front.png: is the only input; give a picture of the person, or several, and then the motion"),
        (["front.png", "no.png", "test.h5:b"], "no.png: no such picture"),
        (
            ["front.png", "test.h5:b", "--source-iuv", "front_IUV.png", "--source-iuv", "map.png"],
            "map.png: there is no picture for this IUV",
        ),
        (
            ["front.png", "test.h5:a", "test.h5:b", "--source-iuv", "front_IUV.png", "--source-iuv", "map.png"],
            "map.png: the clip .* has IUV",
        ),
        (
            ["front.png", "wide.png", "test.h5:b", "--source-iuv", "front_IUV.png", "--source-iuv", "map.png"],
            "map.png: is 64x64, but .*wide",
        ),
    ],
)
def test_wrong_inputs_are_named_and_leave_nothing(files, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(files)
    Image.new("RGB", (80, 64)).save(files / "wide.png")
    with pytest.raises(InputError) as raised:
        run(*arguments, "-o", tmp_path / "out.mp4", "--model", "./")
    assert re.search(words, str(raised.value)) and list(tmp_path.iterdir()) == []


def test_no_picture_is_overwritten(files, tmp_path):
    (tmp_path / "back.mp4").symlink_to(files / "back.png")
    with pytest.raises(InputError, match=r"is the same file as .*back\.png, which would be overwritten"):
        run(files / "front.png", files / "back.png", f"{files}/test.h5:b", "-o", tmp_path / "back.mp4", "--model", files)
