"""The driving body is made as large as the photo's, and the motion begins at its pose."""

import itertools
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from people import body_maps
from PIL import Image
from tiny_model import save_tiny_model

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.iuv import write_iuv_png
from densepose_cache.iuv.side_file import write_side_file
from densepose_cache.rendered.figure.person import resized
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.rendered.scene import Camera
from densepose_cache.video import ffmpeg_binary, probe, read_frames, write_video
from densepose_cache.video.sound import Sound
from dwnet.animation.motion import Motion, paced_motion
from dwnet.animation.pace import Pace
from dwnet.animation.proportions.fit import fit
from dwnet.animation.proportions.match import SAMPLE, matched
from dwnet.animation.proportions.segments import measured
from dwnet.animation.proportions.similarity import Similarity
from dwnet.cli.main import SUBCOMMANDS, SUMMARY
from dwnet.config import AnimateSettings
from dwnet.inference.panels import caption_height, iuv_colours

SIZE, FRAMES, FPS = 128, 8, 3


def clip(seed: int, motion: str, frames: int = FRAMES) -> RenderedClip:
    return RenderedClip(np.random.default_rng(seed), size=SIZE, frames=frames, fps=FPS, motion=motion, background="plain")


def pair(seed: int, motion: str, height: float, breadth: float) -> tuple[list, list, np.ndarray]:
    """Frames of a person, those of another one, resized, in the same motion, and the map of a photo of the first in another pose."""
    one = clip(seed, motion)
    zoom, middle, camera = 0.9 / max(1, height), SIZE / 2, one.camera
    centre = (middle + (at - middle) * zoom for at in (camera.centre_x, camera.centre_y))
    one.camera = Camera(camera.distance, camera.focal * zoom, *centre)
    other = one.acted(resized(clip(seed + 100, motion, 2).figure, height, breadth))
    return list(one), list(other), one.acted(motion=clip(seed + 200, "arms").motion).render(3).iuv


def bodies(frames) -> list:
    return [measured(frame.iuv) for frame in frames]


def joint_distance(similarity: Similarity, driving: list, exact: list) -> float:
    """Mean |difference| of the joints that both show, in pixels at 256x256, after the similarity."""
    first, second = (np.stack([frame.keypoints for frame in frames]) for frames in (driving, exact))
    both = (first[..., 2] > 0) & (second[..., 2] > 0)
    return np.abs(similarity.points(first[..., :2]) - second[..., :2])[both].mean() * 256 / SIZE


def test_a_map_is_scaled_and_shifted_by_nearest_pixels():
    iuv = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    assert np.array_equal(Similarity().apply(iuv), iuv) and Similarity().identity
    doubled = Similarity(2, 2, -2, 0).apply(iuv)
    assert np.array_equal(doubled, np.repeat(np.repeat(iuv[:2, 1:3], 2, 0), 2, 1))
    moved = Similarity(x=1, y=-2).apply(iuv)
    assert np.array_equal(moved[:2, 1:], iuv[2:, :3]) and not moved[2:].any() and not moved[:, 0].any()
    halved = Similarity(0.5, 1).apply(iuv)
    assert np.array_equal(halved[:, :2], iuv[:, 1::2]) and not halved[:, 2:].any()


@pytest.mark.parametrize(
    ("seed", "motion", "height", "breadth"),
    [(1, "turn", 0.75, 0.75), (2, "squat", 1.3, 1.3), (3, "walk", 0.8, 1.0), (4, "arms", 0.75, 0.85), (5, "kick", 1.2, 1.35)],
)
def test_joints_come_to_where_the_exact_transfer_has_them(seed, motion, height, breadth):
    """At least twice as near, though the photo shows another pose; and the person's own motion stays as it is."""
    exact, driving, photo = pair(seed, motion, height, breadth)
    similarity, _ = fit(measured(photo), bodies(driving), SIZE)
    before, after = (joint_distance(one, driving, exact) for one in (Similarity(), similarity))
    assert after < 0.5 * before and before > 4
    assert fit(measured(photo), bodies(exact), SIZE)[0].identity


def test_a_broader_body_is_made_narrower_alone():
    exact, driving, photo = pair(4, "arms", 0.9, 1.2)
    similarity, moved = fit(measured(photo), bodies(driving), SIZE)
    assert similarity.width < 0.95 < similarity.height < 1.06 and moved == (0, 0)
    covered = lambda map, frame: ((map[..., 0] > 0) & frame.silhouette).sum() / ((map[..., 0] > 0) | frame.silhouette).sum()  # noqa: E731
    before, after = (
        np.mean([covered(one.apply(shown.iuv), frame) for shown, frame in zip(driving, exact, strict=True)])
        for one in (Similarity(), similarity)
    )
    assert after > before + 0.05


def test_neither_views_nor_cut_off_legs_mislead_the_size():
    exact, driving, photo = pair(6, "turn", 0.75, 0.75)
    whole = fit(measured(photo), bodies(driving), SIZE)[0].height
    views = [fit(measured(frame.iuv), bodies(driving), SIZE)[0].height for frame in exact]
    assert np.allclose(views, whole, rtol=0.12), "front, profile and back"
    knees = np.flatnonzero(np.isin(photo[..., 0], (11, 12, 13, 14)).any(1))[0]
    cut = photo[:knees].copy()
    half = np.concatenate([np.zeros_like(photo[knees:]), cut])
    similarity = fit(measured(half), bodies(driving), SIZE)[0]
    assert similarity.height == pytest.approx(whole, rel=0.1)
    lower = [replace(frame, keypoints=frame.keypoints + np.array([0, SIZE - knees, 0])) for frame in exact]
    assert joint_distance(similarity, driving, lower) < 0.2 * joint_distance(Similarity(), driving, lower)


def test_a_body_is_moved_to_the_photos_and_stays_in_the_picture():
    """In whole pixels where it is as large. A photo at the picture's edge does not draw arms out of it."""
    frames = list(clip(9, "arms"))
    photo = Similarity(x=-12, y=-30).apply(frames[0].iuv)
    similarity, moved = fit(measured(photo), bodies(frames), SIZE)
    assert (similarity.width, similarity.height, moved[1]) == (1, 1, -30) and similarity.y == -30
    left = min(body.left for body in bodies(frames))
    assert similarity.x == -min(12, left) == moved[0]
    lower = Similarity(x=0, y=SIZE - measured(photo).bottom - 1).apply(photo)
    similarity, _ = fit(measured(lower), bodies(frames), SIZE)
    assert max(body.bottom for body in bodies(frames)) + similarity.y <= SIZE


def test_a_head_that_was_in_the_picture_stays_there():
    """A photo that shows its person too large: a leg is lifted towards the camera, say. One that is cut off itself sets no bound."""
    frames = list(clip(9, "arms"))
    crown = min(body.crown for body in bodies(frames))
    photo = measured(frames[0].iuv)
    large = photo._replace(length=1.4 * photo.length, breadth=1.4 * photo.breadth)
    similarity, _ = fit(large, bodies(frames), SIZE)
    assert similarity.points(np.array([0, crown]))[1] >= -1 and similarity.height == similarity.width < 1.2
    assert fit(large._replace(crown=np.nan), bodies(frames), SIZE)[0].height == pytest.approx(1.4, rel=0.03)


def test_maps_that_show_no_body_are_left():
    noise = body_maps(1, 4)
    noise[..., 1:] = np.random.default_rng(0).integers(0, 256, noise[..., 1:].shape) * (noise[..., :1] > 0)
    assert fit(measured(noise[0]), [measured(iuv[:, ::2].repeat(2, 1)) for iuv in noise], 64)[0].height == 1
    assert measured(np.zeros((64, 64, 3), np.uint8)) is None


def motion_of(maps: list[np.ndarray], sound: Sound | None = None) -> Motion:
    """A motion that may be looked at, not read."""

    def look(numbers):
        assert len(numbers) <= SAMPLE
        return (maps[number % len(maps)] for number in numbers.tolist())

    return paced_motion(SIZE, False, Pace(np.arange(len(maps)), 10.0), lambda pace: pytest.fail("all was read"), look, sound=sound)


def test_a_long_motion_is_looked_at_here_and_there_alone():
    _, driving, photo = pair(1, "turn", 0.75, 0.75)
    maps = list(itertools.islice(itertools.cycle([frame.iuv for frame in driving]), 5000))
    motion, said = matched(photo, motion_of(maps), AnimateSettings())
    assert len(motion) == 5000
    assert len(said) == 1 and said[0].startswith("the driving body is made 1.") and said[0].endswith("; --align off leaves it")
    assert matched(photo, motion_of(maps), AnimateSettings(align="off"))[1] == []


def test_the_motion_begins_at_the_pose_of_the_photo_with_its_sound():
    """A person who turns: the photo shows another one from the same side as frame 2."""
    exact, driving, _ = pair(7, "turn", 0.8, 0.8)
    maps = [frame.iuv for frame in driving]
    motion = motion_of(maps, Sound("dance.mp4", 1.5, 0.8))
    begun, said = matched(exact[2].iuv, motion, AnimateSettings(begin_at_pose=True, start=4.0))
    assert len(begun) == FRAMES - 2 and begun.sound == Sound("dance.mp4", 1.7, pytest.approx(0.6))
    assert said[0].startswith("begins at 4.20 seconds, nearest to the photo's pose: the photo shows 100% of")
    assert np.array_equal(next(begun.look(np.array([0]))), maps[2])
    uneven = replace(motion_of(maps), repeats=np.array([1, 3, 1, 1, 1, 1, 1, 1]))
    assert matched(exact[2].iuv, uneven, AnimateSettings(begin_at_pose=True))[1][0].startswith("begins at 0.40 seconds")


def test_a_photo_from_the_other_side_is_warned_of():
    frames = list(clip(8, "turn", 16))
    front, back = (min(frames, key=lambda frame: (frame.iuv[..., 0] == part).sum()).iuv for part in (1, 2))
    (warning,) = matched(front, motion_of([back] * 3), AnimateSettings(align="off"))[1]
    assert "take a photo from the same side" in warning and warning.startswith("the photo shows at most ")
    assert matched(front, motion_of([back, front]), AnimateSettings(align="off"))[1] == []


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A photo, a video of a smaller person with sound, maps beside both, a small model; and the maps."""
    folder = tmp_path_factory.mktemp("proportions")
    save_tiny_model(folder / "model.safetensors")
    exact, driving, _ = pair(7, "turn", 0.75, 0.75)
    Image.fromarray(exact[2].rgb).save(folder / "photo.png")
    write_iuv_png(folder / "photo_IUV.png", exact[2].iuv)
    write_video(folder / "silent.mp4", [frame.rgb for frame in driving], 4)
    tone = "-f", "lavfi", "-i", "sine=d=2"
    words = ffmpeg_binary(), "-loglevel", "error", "-i", folder / "silent.mp4", *tone, "-c:v", "copy", folder / "dance.mp4"
    subprocess.run(list(map(str, words)), check=True, stdin=subprocess.DEVNULL)
    write_side_file(folder / "dance.iuv.h5", [frame.iuv for frame in driving], (FRAMES, SIZE, SIZE))
    return folder, [frame.iuv for frame in driving], exact[2].iuv


def animate(files, out, capsys, *options) -> str:
    words = (
        "animate",
        files / "photo.png",
        files / "dance.mp4",
        "-o",
        out,
        "--model",
        files,
        "--size",
        SIZE,
        "--crop",
        "off",
        "--compare",
        *options,
    )
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [str(word) for word in words]) == 0
    return "".join(capsys.readouterr())


def poses(out) -> list[np.ndarray]:
    return [frame[caption_height(SIZE) :, SIZE + 2 : 2 * SIZE + 2].astype(int) for frame in read_frames(out)]


def test_the_command_aligns_unless_told_not_to(files, tmp_path, capsys):
    folder, maps, photo = files
    out = tmp_path / "out.mp4"
    assert "dance.mp4: the driving body is made 1." in animate(folder, out, capsys)
    similarity = fit(measured(photo), [measured(iuv) for iuv in maps], SIZE)[0]
    assert np.abs(poses(out.with_suffix(".compare.mp4"))[3] - iuv_colours(similarity.apply(maps[3]))).mean() < 6
    said = animate(folder, out, capsys, "--align", "off", "--begin-at-pose")
    assert "driving body" not in said and "dance.mp4: begins at 0.50 seconds" in said
    assert f"{FRAMES - 2} frames and sound" in said and probe(out).frames_estimate == FRAMES - 2
    assert np.abs(poses(out.with_suffix(".compare.mp4"))[0] - iuv_colours(maps[2])).mean() < 6
