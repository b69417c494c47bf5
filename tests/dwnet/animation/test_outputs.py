"""What `dwnet animate` writes: the photo's size, folders of PNGs, the comparison and the record beside a result."""

import json
import subprocess

import h5py
import numpy as np
import pytest
import typer
from people import SIZE, draw
from PIL import Image
from small_cache import write_split
from tiny_model import save_tiny_model
from typer.testing import CliRunner

from densepose_cache.core.errors import InputError
from densepose_cache.iuv import write_iuv_png
from densepose_cache.storage.digest import file_sha256
from densepose_cache.video import ffmpeg_binary, probe, read_folder, read_frames, write_video
from dwnet.cli.animation.animate import command
from dwnet.inference.panels import sheet_size

FRAMES = 4


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, a cache, a photo of odd sides, and a video with sound; IUV maps beside them."""
    folder = tmp_path_factory.mktemp("outputs")
    save_tiny_model(folder / "model.safetensors", "compose")
    write_split(folder / "test.h5", {"a": 2})
    image, iuv = draw(0, 0, SIZE)
    Image.fromarray(np.pad(image, ((3, 8), (30, 31), (0, 0)), mode="edge")).save(folder / "photo.png")
    write_iuv_png(folder / "photo_IUV.png", np.pad(iuv, ((3, 8), (30, 31), (0, 0))))
    drawn = [draw(1, t) for t in range(FRAMES)]
    write_video(folder / "silent.mp4", [frame for frame, _ in drawn], 10)
    tone = "-f", "lavfi", "-i", "sine=440:d=1"
    ffmpeg(*tone, "-i", folder / "silent.mp4", "-map", "1:v", "-map", "0:a", "-c:v", "copy", folder / "dance.mp4")
    ffmpeg(*tone, "-c:a", "aac", folder / "sound.mp4")
    for name, count in {"dance": FRAMES, "still": 1}.items():
        with h5py.File(folder / f"{name}.iuv.h5", "w") as file:
            file["iuv"] = np.stack([maps for _, maps in drawn[:count]])
    write_video(folder / "still.mp4", [drawn[0][0]], 10)
    return folder


def ffmpeg(*arguments):
    subprocess.run([ffmpeg_binary(), "-y", "-loglevel", "error", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def run(files, *arguments, source="photo.png", driving="dance.mp4"):
    app = typer.Typer()
    app.command()(command)
    words = [files / source, files / driving, "--model", files, "--size", 64, *arguments]
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    ("options", "size"),
    [((), (126, 76)), (("--paste-back", "on"), (126, 76)), (("--paste-back", "off"), (64, 64)), (("--longest-side", 50), (50, 30))],
)
def test_the_photos_size_and_aspect(files, tmp_path, options, size):
    said, info = run(files, "-o", tmp_path / "out.mp4", *options), probe(tmp_path / "out.mp4")
    assert (info.width, info.height, info.frames_estimate) == (*size, FRAMES)
    assert ("the last column and the last row twice: a video has even sides" in said) == (size == (126, 76))
    assert ("the photo's 125x75 pixels are shown at 50x30" in said) == (size == (50, 30))


def test_no_photo_no_paste_back(files, tmp_path):
    clip = {"source": "test.h5:a", "driving": "test.h5:a"}
    with pytest.raises(InputError, match=r"test\.h5:a: has no photo to go back into, since it is a clip of the cache"):
        run(files, "-o", tmp_path / "out.mp4", "--paste-back", "on", **clip)
    assert list(tmp_path.iterdir()) == []
    run(files, "-o", tmp_path / "out.mp4", **clip)
    assert probe(tmp_path / "out.mp4").width == SIZE


@pytest.mark.parametrize("name", ["frames", "frames.v2/"])
def test_a_folder_of_pngs(files, tmp_path, name):
    """Of the photo's size to the pixel, its background to the bit; written again it is replaced."""
    out = f"{tmp_path}/{name}"
    for _ in range(2):
        said = run(files, "-o", out)
    path = tmp_path / name.rstrip("/")
    assert f"{path}: PNGs to be shown at 10 frames a second, without the sound" in said and "and sound" not in said
    shown = list(read_folder(path))
    photo = np.asarray(Image.open(files / "photo.png"))
    assert len(shown) == FRAMES and shown[0].shape == photo.shape
    assert all(np.array_equal(frame[:, 115:], photo[:, 115:]) for frame in shown)
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, f"{path.name}.json"]
    assert json.loads((tmp_path / f"{path.name}.json").read_text())["video"]["width"] == 125


def test_a_folder_of_something_else_stays(files, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "000000.png").write_text("mine")
    with pytest.raises(InputError, match="mine: holds files that this command has not written"):
        run(files, "-o", tmp_path / "mine")
    assert [each.name for each in tmp_path.rglob("*")] == ["mine", "000000.png"]


def test_a_folder_does_not_replace_its_input(files, tmp_path):
    run(files, "-o", tmp_path / "frames")
    driving = tmp_path / "frames"
    with pytest.raises(InputError, match="is the same file as"):
        run(files, "-o", driving, driving=driving)
    with pytest.raises(InputError, match=r"is the same file as .*000000\.png"):
        run(files, "-o", driving, source=driving / "000000.png")


@pytest.mark.parametrize("name", ["out.mp4", "out.gif", "out"])
def test_the_comparison_stands_beside_the_result(files, tmp_path, name):
    """Both with the sound, where they can have any; the result is the same without it."""
    run(files, "-o", tmp_path / name, "--compare")
    info = probe(tmp_path / "out.compare.mp4")
    assert (info.width, info.height) == sheet_size(5, 64) and info.frames_estimate == FRAMES
    assert sound(tmp_path / "out.compare.mp4") and (name != "out.mp4" or sound(tmp_path / name))
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([name, "out.compare.mp4", f"{name}.json"])
    if name == "out.mp4":
        run(files, "-o", tmp_path / "alone.mp4")
        assert (tmp_path / "alone.mp4").read_bytes() == (tmp_path / name).read_bytes()


def sound(path) -> bool:
    said = subprocess.run([ffmpeg_binary(), "-hide_banner", "-i", str(path)], capture_output=True, text=True).stderr
    return "Audio:" in said


def test_the_record_says_what_it_was_made_of(files, tmp_path):
    run(files, "-o", tmp_path / "out.mp4", "--fps", 20, "--end", 0.2, "--compare", "--crop", "off")
    record = json.loads((tmp_path / "out.mp4.json").read_text())
    for role, name in {"source": "photo.png", "driving": "dance.mp4"}.items():
        assert record["inputs"][role] == {"name": name, "sha256": file_sha256(files / name)}
    assert record["iuv"]["driving"] == {"name": "dance.iuv.h5", "sha256": file_sha256(files / "dance.iuv.h5")}
    assert record["model"]["sha256"] == file_sha256(files / "model.safetensors")
    assert (record["settings"]["fps"], record["settings"]["end"], record["settings"]["paste_back"]) == (20, 0.2, "auto")
    video = {"name": "out.mp4", "compared": ["out.compare.mp4"], "width": 126, "height": 76, "frames": 4, "fps": 20, "sound": True}
    assert record["video"] == video and record["generated"] == {"size": 64, "frames": 2}
    assert record["crop"] == {"photo": [125, 75], "box": [0, 0, 125, 75]}
    assert {"dwnet", "torch", "python"} <= set(record["versions"]) and record["seconds"] > 0 and record["frames_per_second"] > 0
    quality = record["quality"]
    assert quality["held"] == 0 and quality["warping_error"]["result"] > 0 and quality["flicker"] == {"result": None, "coarse_warp": None}


def test_the_record_of_held_frames_and_of_maps_that_came_along(files, tmp_path):
    with h5py.File(files / "dance.iuv.h5") as file:
        maps = file["iuv"][:]
    maps[1] = 0
    with h5py.File(tmp_path / "maps.iuv.h5", "w") as file:
        file["iuv"] = maps
    run(files, "-o", tmp_path / "out.mp4", "--driving-iuv", tmp_path / "maps.iuv.h5", source="test.h5:a")
    record = json.loads((tmp_path / "out.mp4.json").read_text())
    assert record["quality"]["held"] == 0.25 and record["quality"]["flicker"]["result"] > 0
    assert record["inputs"]["source"]["name"] == "test.h5:a" and len(record["inputs"]["source"]["sha256"]) == 64
    assert record["iuv"]["source"] == {"backend": "those of the input"} and record["crop"] is None


def test_a_video_of_one_frame_is_a_still(files, tmp_path):
    run(files, "-o", tmp_path / "out.mp4", driving="still.mp4")
    assert len(list(read_frames(tmp_path / "out.mp4"))) == 1
    assert json.loads((tmp_path / "out.mp4.json").read_text())["quality"]["warping_error"] == {"result": None, "coarse_warp": None}


def test_bad_inputs_are_said_before_the_work_and_leave_nothing(files, tmp_path, monkeypatch):
    monkeypatch.setattr("dwnet.animation.job.animate", lambda *_: pytest.fail("the work began"))
    monkeypatch.setattr("dwnet.animation.job.load_person", lambda *_: pytest.fail("the work began"))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "out.mp4.json").symlink_to(files / "photo.png")
    cases = [
        (("-o", tmp_path / "out1.mp4"), {"driving": "sound.mp4"}, r"sound\.mp4: .*no video"),
        (("-o", tmp_path / "out1.mp4", "--fps", 0), {}, "the frame rate must be above 0, not 0"),
        (("-o", tmp_path / "file" / "out.mp4"), {}, "file: cannot be written to .*name another folder"),
        (("-o", "/proc/out.mp4"), {}, "/proc: cannot be written to"),
        (("-o", tmp_path / "out.mp4"), {}, r"out\.mp4\.json: is the same file as .*photo\.png"),
    ]
    for arguments, inputs, message in cases:
        with pytest.raises(InputError, match=message) as raised:
            run(files, *arguments, **inputs)
        assert "\n" not in str(raised.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "out.mp4.json"]
