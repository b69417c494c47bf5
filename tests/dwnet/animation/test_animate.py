"""`dwnet animate`, end to end with a tiny random generator."""

import os
import shutil
import subprocess

import av
import h5py
import numpy as np
import pytest
import torch
import typer
from people import SIZE, draw
from PIL import Image
from small_cache import write_split
from tiny_model import MODELS, save_tiny_model, tiny_generator
from typer.testing import CliRunner

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.errors import InputError
from densepose_cache.iuv import write_iuv_png
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.video import ffmpeg_binary, frame_times, probe, read_frames, write_video
from dwnet.cli.animation.animate import command
from dwnet.inference.driving import FreeDriving
from dwnet.inference.panels import caption_height, iuv_colours, sheet_size
from dwnet.inference.rollout import generate_frames

FRAMES = 5


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A model, one of each generator, a cache, and the same clips as files: a picture and a video with IUV maps beside them, wider than
    high."""
    folder = tmp_path_factory.mktemp("animate")
    save_tiny_model(folder / "model.safetensors")
    for name in MODELS:
        save_tiny_model(folder / name / "model.safetensors", name)
    write_split(folder / "test.h5", {"a": 4, "b": FRAMES})
    wide = lambda picture, fill: np.pad(picture, ((0, 0), (8, 8), (0, 0)), constant_values=fill)  # noqa: E731
    image, iuv = draw(0, 0)
    Image.fromarray(wide(image, 255)).save(folder / "person.png")
    write_iuv_png(folder / "person_IUV.png", wide(iuv, 0))
    drawn = [draw(1, t) for t in range(FRAMES)]
    write_video(folder / "dance.mp4", [wide(frame, 255) for frame, _ in drawn], 10)
    with h5py.File(folder / "dance.iuv.h5", "w") as file:
        file["iuv"] = np.stack([wide(maps, 0) for _, maps in drawn])
    (folder / "frames").mkdir()
    (folder / "maps").mkdir()
    for t, (frame, maps) in enumerate(drawn):
        Image.fromarray(frame).save(folder / "frames" / f"{t}.png")
        write_iuv_png(folder / "maps" / f"{t}_IUV.png", maps)
    return folder


def run(*arguments, crop="off"):
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(argument) for argument in (*arguments, "--crop", crop)])
    if isinstance(result.exception, InputError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def compared(out):
    """The comparison beside a video."""
    return out.with_suffix(".compare.mp4")


def ffmpeg(*arguments):
    subprocess.run([ffmpeg_binary(), "-y", "-loglevel", "error", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def test_clips_of_the_cache(files, generator, tmp_path):
    out = tmp_path / "out.mp4"
    run(f"{files}/test.h5:a", f"{files}/test.h5:b", "-o", out, "--model", files / generator)
    info = probe(out)
    assert (info.width, info.height, info.frames_estimate, info.fps) == (SIZE, SIZE, FRAMES, 12.5)
    with SplitReader(files / "test.h5") as reader:
        driving = FreeDriving(reader.frames("a", 0), reader.iuv("a", 0), reader.iuv("b", slice(None)), "lattice")
    expected = np.stack([frame[0] for frame in generate_frames(tiny_generator(generator), [driving], [FRAMES], torch.device("cpu"))])
    shown = np.stack(list(read_frames(out)))
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < np.abs(shown.astype(int) - expected[::-1]).mean()


def test_picture_and_video_with_maps_beside_them(files, generator, tmp_path):
    out, model = tmp_path / "out.mp4", files / generator / "model.safetensors"
    run(files / "person.png", files / "dance.mp4", "-o", out, "--model", model, "--size", "64", "--compare")
    info = probe(compared(out))
    assert (info.width, info.height) == sheet_size(5, 64)
    assert (info.frames_estimate, info.fps) == (FRAMES, 10)
    first = next(iter(read_frames(compared(out))))[caption_height(64) :]
    image, _ = draw(0, 0)
    wide = np.asarray(Image.fromarray(np.pad(image, ((8, 8), (8, 8), (0, 0)), constant_values=255)).resize((64, 64), Image.Resampling.BOX))
    inner = slice(8, 56)
    assert np.abs(first[inner, inner].astype(int) - wide[inner, inner]).mean() < 12, "the source is padded at the top and bottom"


def test_folder_of_frames_with_maps_named(files, tmp_path):
    out = tmp_path / "out.mp4"
    arguments = ["--driving-iuv", files / "maps", "--fps", 5, "--compare"]
    run(f"{files}/test.h5:a", files / "frames", "-o", out, "--model", files, *arguments)
    info = probe(out)
    assert (info.frames_estimate, info.fps) == (FRAMES, 5)
    panel = next(iter(read_frames(compared(out))))[caption_height(SIZE) :, SIZE + 2 : 2 * SIZE + 2]
    assert np.abs(panel.astype(int) - iuv_colours(draw(1, 0)[1])).mean() < 20


def test_official_layout_is_found(files, tmp_path):
    """Folders `target` and `dp_target` side by side: no option needed, for the picture and for the motion."""
    for name, original in {"target": "frames", "dp_target": "maps"}.items():
        (tmp_path / name).symlink_to(files / original)
    out = tmp_path / "out.mp4"
    run(tmp_path / "target" / "0.png", tmp_path / "target", "-o", out, "--model", files, "--size", 64)
    assert probe(out).frames_estimate == FRAMES


def maps_of(folder, name, count):
    """A side file of `count` maps of 64x64 beside the video `name` of `folder`."""
    with h5py.File(folder / f"{name}.iuv.h5", "w") as file:
        file["iuv"] = np.stack([draw(1, t)[1] for t in range(count)])


def shown_poses(out) -> list[int]:
    """Which of the first 12 drawn poses each frame of the comparison beside a video shows."""
    panels = [frame[caption_height(SIZE) :, SIZE + 2 : 2 * SIZE + 2].astype(int) for frame in read_frames(compared(out))]
    poses = [iuv_colours(draw(1, t)[1]).astype(int) for t in range(12)]
    return [int(np.argmin([np.abs(panel - pose).mean() for pose in poses])) for panel in panels]


def test_frames_that_come_unevenly_keep_their_times(files, tmp_path):
    """Six frames at 5 a second, then six at 50: the seventh is seen after 1.2 seconds; the last one as long as most."""
    times = [0.2 * t for t in range(7)] + [1.2 + 0.02 * t for t in range(1, 6)]
    write_video(tmp_path / "even.mp4", [draw(1, t)[0] for t in range(12)], 25)
    uneven = "settb=1/1000,setpts='if(lt(N,7),200*N,1200+20*(N-6))'"
    ffmpeg("-i", tmp_path / "even.mp4", "-vf", uneven, "-fps_mode", "passthrough", "-enc_time_base", "1:1000", tmp_path / "dance.mp4")
    assert np.allclose(frame_times(tmp_path / "dance.mp4").seconds, times, atol=2e-3), "what this is about"
    maps_of(tmp_path, "dance", 12)
    out = tmp_path / "out.mp4"
    arguments = f"{files}/test.h5:a", tmp_path / "dance.mp4", "-o", out, "--model", files, "--compare"
    run(*arguments)
    poses, info = shown_poses(out), probe(out)
    assert poses.index(6) / info.fps == pytest.approx(1.2, abs=0.021) and poses == sorted(poses) and set(poses) == set(range(12))
    run(*arguments, "--fps", 10)
    assert shown_poses(out) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 11, 11] and probe(out).fps == 10


def test_another_rate_is_no_other_speed(files, tmp_path):
    write_video(tmp_path / "dance.mp4", [draw(1, t)[0] for t in range(12)], 20)
    maps_of(tmp_path, "dance", 12)
    out, cases = tmp_path / "out.mp4", {10: list(range(0, 12, 2)), 40: sorted([*range(12), *range(12)]), 20: list(range(12))}
    for fps, expected in cases.items():
        run(f"{files}/test.h5:a", tmp_path / "dance.mp4", "-o", out, "--model", files, "--compare", "--fps", fps)
        assert shown_poses(out) == expected and probe(out).fps == fps
    run(f"{files}/test.h5:a", f"{files}/test.h5:b", "-o", out, "--model", files, "--compare", "--fps", 25)
    assert shown_poses(out) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4] and probe(out).fps == 25


@pytest.mark.parametrize(("fps", "reason"), [(0, "above 0, not 0"), (-5, "above 0, not -5"), (1e9, r"at most 240, not 1e\+09")])
def test_rates_that_no_video_has_are_refused_before_the_work(files, tmp_path, monkeypatch, fps, reason):
    monkeypatch.setattr("dwnet.animation.job.load_person", lambda *_: pytest.fail("the work began"))
    with pytest.raises(InputError, match=f"the frame rate must be {reason}; correct --fps"):
        run(files / "person.png", files / "dance.mp4", "-o", tmp_path / "out.mp4", "--model", files, "--fps", fps)
    assert list(tmp_path.iterdir()) == []


def loudest(path) -> tuple[float, float]:
    """Seconds of the sound of a file, and when it begins to be heard."""
    with av.open(str(path)) as container:
        frames = [(frame.time, frame.to_ndarray()) for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    heard = next(time + np.argmax(np.abs(sound[0]) > 0.05) / rate for time, sound in frames if np.abs(sound).max() > 0.05)
    return frames[-1][0] + frames[-1][1].shape[-1] / rate, heard


def test_the_sound_of_the_driving_video_goes_with_it(files, tmp_path):
    """A tone that begins after 0.6 seconds; the video begins 0.2 seconds after the file."""
    write_video(tmp_path / "silent.mp4", [draw(1, t)[0] for t in range(12)], 10)
    tone = "-f", "lavfi", "-i", "aevalsrc='0.5*sin(2000*t)*gte(t,0.6)':d=3"
    ffmpeg(*tone, "-itsoffset", "0.2", "-i", tmp_path / "silent.mp4", "-map", "1:v", "-map", "0:a", "-c:v", "copy", tmp_path / "dance.mkv")
    maps_of(tmp_path, "dance", 12)
    out = tmp_path / "out.mp4"
    said = run(f"{files}/test.h5:a", tmp_path / "dance.mkv", "-o", out, "--model", files)
    assert f"12 frames and sound: {out}" in said
    assert probe(out).frames_estimate == 12
    length, heard = loudest(out)
    assert heard == pytest.approx(0.4, abs=0.05) and length == pytest.approx(1.2, abs=0.1)
    part = tmp_path / "part.webm"
    run(f"{files}/test.h5:a", tmp_path / "dance.mkv", "-o", part, "--model", files, "--start", 0.3)
    length, heard = loudest(part)
    assert heard == pytest.approx(0.1, abs=0.05) and length == pytest.approx(0.9, abs=0.1)
    said = run(f"{files}/test.h5:a", tmp_path / "dance.mkv", "-o", tmp_path / "out.gif", "--model", files)
    assert "out.gif: has no sound: this kind of video cannot" in said and f"12 frames: {tmp_path / 'out.gif'}" in said


def test_a_driving_video_is_read_as_players_show_it(files, tmp_path):
    """Its pixels twice as wide as high; the maps are of the pixels that are stored."""
    frames = [draw(1, t)[0] for t in range(5)]
    write_video(tmp_path / "square.mp4", frames, 10)
    ffmpeg("-i", tmp_path / "square.mp4", "-vf", "scale=32:64,setsar=2", tmp_path / "dance.mp4")
    with h5py.File(tmp_path / "dance.iuv.h5", "w") as file:
        file["iuv"] = np.stack([draw(1, t)[1][:, ::2] for t in range(5)])
    out = tmp_path / "out.mp4"
    said = run(f"{files}/test.h5:a", tmp_path / "dance.mp4", "-o", out, "--model", files, "--compare")
    assert said.count("dance.mp4: pixels of 2:1 made square") == 1
    assert shown_poses(out) == [0, 1, 2, 3, 4]
    real = next(iter(read_frames(compared(out))))[caption_height(SIZE) :, -SIZE:].astype(int)
    assert np.abs(real - frames[0]).mean() < 12


def test_a_driving_folder_is_read_as_viewers_show_it(files, tmp_path):
    """Above, its pictures are transparent: the result is that of pictures that are white there, and it is said once."""
    (tmp_path / "white").mkdir()
    (tmp_path / "cut").mkdir()
    for t in range(FRAMES):
        pixels, alpha = draw(1, t)[0].copy(), np.full((SIZE, SIZE, 1), 255, np.uint8)
        pixels[:9], alpha[:9] = 255, 0
        Image.fromarray(pixels).save(tmp_path / f"white/{t}.png")
        Image.fromarray(np.dstack([pixels * (alpha > 0), alpha])).save(tmp_path / f"cut/{t}.png")
    shown, said = [], ""
    for name in ("white", "cut"):
        out = tmp_path / f"{name}.mp4"
        said += run(f"{files}/test.h5:a", tmp_path / name, "--driving-iuv", files / "maps", "-o", out, "--model", files, "--compare")
        shown.append(np.stack(list(read_frames(compared(out)))))
    assert said.count("transparency composed over video.pad") == said.count("cut: transparency composed over video.pad\n") == 1
    assert np.array_equal(*shown)


@pytest.mark.parametrize(
    ("size", "fits"), [(36, True), (100, True), (66, False), (28, False), (0, False), (-8, False), (130, False), (2052, False)]
)
def test_any_multiple_of_4_is_a_size(files, generator, tmp_path, monkeypatch, size, fits):
    arguments = files / "person.png", files / "dance.mp4", "-o", tmp_path / "out.mp4", "--model", files / generator, "--size", size
    arguments += ("--compare",)
    if not fits:
        monkeypatch.setattr("dwnet.animation.job.load_person", lambda *_: pytest.fail("the work began"))
        with pytest.raises(InputError, match=f"frames of {size}x{size} pixels cannot be generated"):
            run(*arguments)
        return
    run(*arguments)
    info = probe(tmp_path / "out.compare.mp4")
    assert (info.width, info.height) == sheet_size(5, size)


def test_a_photo_and_a_video_need_nothing_beside_them(files, tmp_path):
    """The network that ships with the package draws the maps where there are no others and no weights."""
    frames = [frame.rgb for frame in RenderedClip(np.random.default_rng(3), size=128, frames=3, fps=5, motion="walk", background="plain")]
    Image.fromarray(frames[0]).save(tmp_path / "photo.jpg", quality=95)
    write_video(tmp_path / "dance.mp4", frames, 5)
    out = tmp_path / "out.mp4"
    arguments = tmp_path / "photo.jpg", tmp_path / "dance.mp4", "-o", out, "--model", files, "--size", 128
    for crop in ("off", "auto"):
        assert run(*arguments, "--weights", tmp_path / "weights", "--no-cache", crop=crop).count("IUV maps by the backend embedded") == 2
        assert len(list(read_frames(out))) == 3


@pytest.mark.parametrize("crop", ["off", "auto"])
def test_a_photo_without_anybody_is_named(files, tmp_path, crop):
    Image.new("RGB", (128, 128), "white").save(tmp_path / "wall.png")
    arguments = tmp_path / "wall.png", files / "dance.mp4", "-o", tmp_path / "out.mp4", "--model", files, "--size", 128
    with pytest.raises(InputError, match=r"wall\.png: nobody was found on this picture; choose another one, or give .* --source-iuv"):
        run(*arguments, "--weights", tmp_path / "weights", crop=crop)


def test_a_photo_is_turned_as_its_tags_say(files, tmp_path):
    """Orientation 6: stored lying on its left side."""
    upright = Image.open(files / "person.png")
    tags = Image.Exif()
    tags[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "photo.png", exif=tags)
    maps = "--source-iuv", files / "person_IUV.png"
    for name, person in (("straight", files / "person.png"), ("turned", tmp_path / "photo.png")):
        run(person, files / "dance.mp4", "-o", tmp_path / f"{name}.mp4", "--model", files, "--size", 64, *maps)
    assert (tmp_path / "straight.mp4").read_bytes() == (tmp_path / "turned.mp4").read_bytes()


def test_frames_without_anybody_follow_the_settings(files, tmp_path):
    with h5py.File(files / "dance.iuv.h5") as file:
        maps = file["iuv"][:]
    maps[1:4] = 0
    with h5py.File(tmp_path / "dance.iuv.h5", "w") as file:
        file["iuv"] = maps
    arguments = files / "person.png", files / "dance.mp4", "-o", tmp_path / "out.mp4", "--model", files, "--size", 64
    arguments += "--driving-iuv", tmp_path / "dance.iuv.h5"
    with pytest.raises(InputError, match=r"nobody was found in 3 of 5 frames, more than densepose\.max_missing = 0\.5 allows"):
        run(*arguments)
    run(*arguments, "--densepose", '{"max_missing": 0.7}')
    with pytest.raises(InputError, match="nobody was found in frame 1"):
        run(*arguments, "--densepose", '{"missing": "fail"}')


def test_a_video_without_anybody_is_named(files, tmp_path):
    with h5py.File(tmp_path / "dance.iuv.h5", "w") as file:
        file["iuv"] = np.zeros((FRAMES, SIZE, SIZE + 16, 3), np.uint8)
    arguments = files / "person.png", files / "dance.mp4", "-o", tmp_path / "out.mp4", "--model", files, "--size", 64
    with pytest.raises(InputError, match=r"dance\.mp4: nobody was found in any of its 5 frames; take another video, or a window or box"):
        run(*arguments, "--driving-iuv", tmp_path / "dance.iuv.h5")
    with pytest.raises(InputError, match=r"dance\.mp4: nobody was found in any of its 5 frames; take another one, or a part with a person"):
        run(*arguments, "--driving-iuv", tmp_path / "dance.iuv.h5", crop="auto")


def test_no_input_is_overwritten(files, tmp_path, monkeypatch):
    monkeypatch.setattr("dwnet.animation.job.load_person", lambda *_: pytest.fail("the work began"))
    before = {name: (files / name).read_bytes() for name in ("person.png", "dance.mp4")}
    (tmp_path / "link.mp4").symlink_to(files / "dance.mp4")
    (tmp_path / "linked").symlink_to(files)
    for out in (files / "person.png", files / "dance.mp4", tmp_path / "link.mp4", tmp_path / "linked" / "dance.mp4"):
        with pytest.raises(InputError, match=rf"{out}: is the same file as .*, which would be overwritten; name another one with --output"):
            run(files / "person.png", files / "dance.mp4", "-o", out, "--model", files)
    assert {name: (files / name).read_bytes() for name in before} == before


def test_the_output_is_an_mp4_and_no_folder(files, tmp_path, monkeypatch):
    arguments = f"{files}/test.h5:a", f"{files}/test.h5:b", "--model", files, "-o"
    run(*arguments, tmp_path / "OUT.MP4")
    monkeypatch.setattr("dwnet.animation.job.load_person", lambda *_: pytest.fail("the work began"))
    (tmp_path / "folder.mp4").mkdir()
    for name, message in {
        "out.avi": "does not end in .mp4, .webm or .gif",
        "out.": "does not end in .mp4",
        ".mp4": "does not end in .mp4",
        "folder.mp4": "is a folder",
    }.items():
        with pytest.raises(InputError, match=f"{tmp_path / name}: {message}"):
            run(*arguments, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["OUT.MP4", "OUT.MP4.json", "folder.mp4"]


def test_without_a_model_the_one_that_ships_moves_the_person(files, shipped, tmp_path, monkeypatch):
    """A folder of its name, given as such, is another one."""
    monkeypatch.chdir(tmp_path)
    save_tiny_model(tmp_path / "embedded" / "model.safetensors")
    clips = f"{files}/test.h5:a", f"{files}/test.h5:b"
    for name, model in {
        "default": (),
        "named": ("--model", "embedded"),
        "path": ("--model", shipped),
        "own": ("--model", "./embedded"),
    }.items():
        run(*clips, "-o", tmp_path / f"{name}.mp4", *model)
    videos = {path.stem: path.read_bytes() for path in tmp_path.glob("*.mp4")}
    assert videos["default"] == videos["named"] == videos["path"] != videos["own"]
    run(*clips, "-o", tmp_path / "dwnet.mp4", "--model", files)
    assert (tmp_path / "dwnet.mp4").read_bytes() == videos["own"]


def test_a_missing_model_says_what_makes_it(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="`dwnet train` writes it"):
        run(files / "person.png", files / "dance.mp4", "-o", "out.mp4", "--model", "mine")


def test_options_that_the_cache_decides_are_refused(files, tmp_path):
    cached = f"{files}/test.h5:a", f"{files}/test.h5:b", "-o", tmp_path / "out.mp4", "--model", files
    cases = [
        (("--size", SIZE * 2), rf"test\.h5: its frames have a side of {SIZE} pixels, not {SIZE * 2}; leave out --size"),
        (("--source-iuv", files / "person_IUV.png"), "person_IUV.png: the clip .* has IUV maps of its own; leave out --source-iuv"),
        (("--driving-iuv", files / "dance.iuv.h5"), "dance.iuv.h5: the clip .* has IUV maps of its own; leave out --driving-iuv"),
        (("--fps", 0), "the frame rate must be above 0, not 0"),
    ]
    for more, message in cases:
        with pytest.raises(InputError, match=message):
            run(*cached, *more)
    with pytest.raises(AssertionError, match="'gpu' is not one of"):
        run(*cached, "--device", "gpu")
    run(*cached, "--size", SIZE)


def test_nothing_is_left_behind_by_wrong_input(files, tmp_path):
    out = tmp_path / "out.mp4"
    cases = [
        ((tmp_path / "no.png", files / "dance.mp4"), r"no\.png: no such picture"),
        ((files / "person.png", tmp_path / "no.mp4"), r"no\.mp4: no such driving video"),
        ((f"{files}/test.h5:nobody", f"{files}/test.h5:b"), "holds no clip nobody"),
        ((files / "test.h5", files / "dance.mp4"), r"test\.h5: is no picture; of a file of the cache give a clip, as .*/test\.h5:CLIP$"),
        ((files / "person.png", files / "test.h5"), r"test\.h5: is no driving video; of a file of the cache give .*/test\.h5:CLIP$"),
        ((files / "frames" / "0.png", files / "dance.mp4"), "DensePose cannot make them here"),
        ((files / "person.png", files / "frames"), "DensePose cannot make them here"),
        ((files / "person.png", files / "dance.mp4", "--source-iuv", files / "maps" / "0_IUV.png"), "is 64x64, but .* is 80x64"),
    ]
    for arguments, message in cases:
        with pytest.raises(InputError, match=message):
            run(
                *arguments,
                "-o",
                out,
                "--model",
                files,
                "--size",
                64,
                "--weights",
                tmp_path / "weights",
                "--densepose",
                '{"backend": "rcnn"}',
            )
    assert list(tmp_path.iterdir()) == []


def test_a_cut_out_photo_and_a_very_large_one_animate_as_the_plain_one(files, tmp_path):
    """The same person, transparent around, and 80 times as large: the video is the same, and what was done is said."""
    with Image.open(files / "person.png") as image:
        plain, maps = np.asarray(image), files / "person_IUV.png"
    body = (plain != 255).any(axis=-1)
    Image.fromarray(np.dstack([np.where(body[..., None], plain, 0), body * 255]).astype(np.uint8)).save(tmp_path / "cut.png")
    Image.fromarray(plain).resize((6400, 5120), Image.Resampling.NEAREST).save(tmp_path / "large.png", compress_level=1)
    with Image.open(maps) as image:
        image.resize((3200, 2560), Image.Resampling.NEAREST).save(tmp_path / "large_IUV.png", compress_level=1)
    shown, said = [], ""
    for photo, iuv in ((files / "person.png", maps), (tmp_path / "cut.png", maps), (tmp_path / "large.png", tmp_path / "large_IUV.png")):
        out = tmp_path / f"{photo.stem}.mp4"
        said += run(photo, files / "dance.mp4", "-o", out, "--model", files, "--size", 64, "--source-iuv", iuv, "--longest-side", 80)
        shown.append(np.stack(list(read_frames(out))).astype(int))
    assert "cut.png: transparency composed over video.pad" in said and "large.png: 6400x5120 pixels opened at 3200x2560" in said
    assert (shown[1] == shown[0]).all()
    assert np.abs(shown[2] - shown[0]).mean() < 1


def test_an_output_that_is_a_link_is_written_where_it_leads(files, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out.mp4").symlink_to("disk/real.mp4")
    (tmp_path / "disk/real.mp4").write_text("old")
    run(f"{files}/test.h5:a", f"{files}/test.h5:b", "-o", tmp_path / "out.mp4", "--model", files)
    assert (tmp_path / "out.mp4").is_symlink() and probe(tmp_path / "disk/real.mp4").frames_estimate == FRAMES


@pytest.mark.parametrize("length", [240, 251])
def test_long_names_of_outputs_and_inputs(files, tmp_path, length):
    photo, out = tmp_path / f"{'p' * length}.png", tmp_path / f"{'o' * length}.mp4"
    shutil.copy(files / "person.png", photo)
    run(photo, files / "dance.mp4", "-o", out, "--model", files, "--size", 64, "--source-iuv", files / "person_IUV.png")
    assert probe(out).frames_estimate == FRAMES
    assert {photo, out} < set(tmp_path.iterdir()) and len(list(tmp_path.glob("*.json"))) == 1 and len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("o" * 252 + ".mp4", "the name has 256 bytes"),
        (os.fsdecode(b"caf\xe9.mp4"), r"caf\\xe9\.mp4: the name is not UTF-8"),
        ("link.mp4", "link.mp4 is a link to /nowhere/x.mp4, which "),
    ],
)
def test_names_that_cannot_be(files, tmp_path, monkeypatch, name, words):
    """As the output, as the photo and as the video, before any work."""
    monkeypatch.setattr("dwnet.animation.extraction.Extraction.find", lambda *_: pytest.fail("the work began"))
    path, fine = tmp_path / name, files / "person.png"
    if name == "link.mp4":
        path.symlink_to("/nowhere/x.mp4")
    for arguments in (
        (fine, files / "dance.mp4", "-o", path),
        (path, files / "dance.mp4", "-o", tmp_path / "o.mp4"),
        (fine, path, "-o", tmp_path / "o.mp4"),
    ):
        with pytest.raises(InputError, match=words):
            run(*arguments, "--model", files, "--size", 64)
    assert [each.name for each in tmp_path.iterdir()] == ([name] if name == "link.mp4" else [])
