"""A square around the person is cut out of photos and videos, and one of several people is chosen."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from people import draw
from PIL import Image
from small_cache import write_split
from tiny_model import save_tiny_model

from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.config import DensePoseSettings
from densepose_cache.core.errors import InputError
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.search import USUAL, People, Search, Start, finer_for
from densepose_cache.iuv import write_iuv_png
from densepose_cache.iuv.side_file import write_side_file
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.video import read_frames, write_video
from dwnet.animation import sources
from dwnet.animation.extraction import Extraction
from dwnet.animation.framing import square as squares
from dwnet.animation.framing.choice import Framing, PersonChoice
from dwnet.animation.framing.footage import Footage, to_source, to_square
from dwnet.animation.framing.square import FILL, square, union
from dwnet.animation.motion import Wanted
from dwnet.animation.motion_file import body_box
from dwnet.animation.person import load_person
from dwnet.animation.sources import load_motion
from dwnet.cli.main import SUBCOMMANDS, SUMMARY

FRAMES = 6


def chosen(text: str | None, flag: str = "--person", crop: bool = True) -> Framing:
    return Framing(crop, PersonChoice.parse(text, flag))


def run(*words) -> int:
    return run_subcommands(SUMMARY, SUBCOMMANDS, [str(word) for word in words])


@pytest.fixture(scope="module")
def extraction() -> Extraction:
    """The network that ships, without a cache."""
    return Extraction(DensePoseSettings(backend="embedded", device="cpu"), Path("weights"))


class Walker:
    """A rendered person of about `height` pixels, cut out."""

    def __init__(self, seed: int, height: int, frames: int = FRAMES):
        size = round(height / 0.88)
        self.frames = list(RenderedClip(np.random.default_rng(seed), size=size, frames=frames, fps=6, motion="walk", background="plain"))

    def paste(self, number: int, picture: np.ndarray, body: np.ndarray, left: int, top: int):
        """Draw frame `number` into a picture (H, W, 3), and where it is into `body` (H, W) bool."""
        frame = self.frames[number]
        window = slice(top, top + len(frame.rgb)), slice(left, left + len(frame.rgb))
        picture[window] = np.where(frame.silhouette[..., None], frame.rgb, picture[window])
        body[window] |= frame.iuv[..., 0] > 0


def landscape(width: int, height: int) -> np.ndarray:
    """A wall and a floor, softly lit."""
    y, x = np.mgrid[:height, :width].astype(float)
    floor = 60.0 * (y > 0.6 * height)
    planes = [200 - floor - 20 * np.sin(x / 50), 190 - floor + 0 * x, 180 - floor + 20 * np.sin(y / 40)]
    return np.stack(planes, -1).clip(0, 255).astype(np.uint8)


def bounds(body: np.ndarray) -> np.ndarray:
    return np.array(body_box(body[..., None]), float)


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> tuple[Path, np.ndarray]:
    """A person 90 pixels tall, left of the middle of a photo of 900x600, and where it is (H, W) bool."""
    picture, body = landscape(900, 600), np.zeros((600, 900), bool)
    Walker(4, 90, 1).paste(0, picture, body, 240, 320)
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(picture).save(path)
    return path, body


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[Path, list[np.ndarray]]:
    """A photo of two people, and their boxes from the left; the right one is larger."""
    picture, boxes = landscape(600, 400), []
    for seed, height, left, top in ((3, 150, 60, 170), (4, 240, 320, 90)):
        body = np.zeros((400, 600), bool)
        Walker(seed, height, 1).paste(0, picture, body, left, top)
        boxes.append(bounds(body))
    path = tmp_path_factory.mktemp("pair") / "pair.png"
    Image.fromarray(picture).save(path)
    return path, boxes


def test_a_small_person_fills_the_square(photo, extraction, capsys):
    path, body = photo
    person = load_person(str(path), None, 128, extraction)
    left, top, right, bottom = person.geometry.box
    box = bounds(body)
    assert f"cropped to {left}-{top}-{right}-{bottom} of 900x600 pixels" in capsys.readouterr().err
    assert left + 4 < box[0] and top + 4 < box[1] and box[2] < right - 4 and box[3] < bottom - 4, "a margin on every side"
    assert 0.7 < (box[3] - box[1]) / (bottom - top) < 0.88
    assert (person.photo == np.asarray(Image.open(path))).all()
    exact, found = person.geometry.labels(body[..., None])[..., 0], person.iuv[..., 0] > 0
    assert (exact & found).sum() > 0.75 * (exact | found).sum()


def test_the_crop_is_what_one_would_prepare_by_hand(photo, extraction, tmp_path, capsys):
    path, _ = photo
    person = load_person(str(path), None, 128, extraction)
    Image.open(path).crop(person.geometry.box).save(tmp_path / "photo.png")
    by_hand = load_person(str(tmp_path / "photo.png"), None, 128, extraction, chosen(None, crop=False))
    assert (person.image == by_hand.image).all() and (person.iuv == by_hand.iuv).all()
    again = load_person(str(tmp_path / "photo.png"), None, 128, extraction)
    assert (again.image == by_hand.image).all() and (again.iuv == by_hand.iuv).all(), "what is framed well stays as it is"
    assert "cropped" not in capsys.readouterr().err.split("photo.png: IUV maps")[-1]


def test_a_walk_across_the_video_has_one_box(extraction, tmp_path):
    walker, frames, union_of = Walker(3, 90), [], np.zeros((300, 480), bool)
    bodies = []
    for number in range(FRAMES):
        picture, body = landscape(480, 300), np.zeros((300, 480), bool)
        walker.paste(number, picture, body, 40 + 20 * number, 150)
        frames.append(picture)
        bodies.append(body)
        union_of |= body
    write_video(tmp_path / "walk.mp4", frames, 6)
    motion = load_motion(str(tmp_path / "walk.mp4"), None, Wanted(128, frames=True), extraction)
    left, top, right, bottom = motion.geometry.box
    box = bounds(union_of)
    assert left < box[0] and top < box[1] and box[2] < right and box[3] < bottom and right - left < 300
    shown = list(motion.read())
    assert len(shown) == FRAMES and not any(driving.held for driving in shown)
    for driving, body in zip(shown, bodies, strict=True):
        exact = motion.geometry.labels(body[..., None])[..., 0]
        assert (exact & (driving.iuv[..., 0] > 0)).sum() > 0.6 * (exact | (driving.iuv[..., 0] > 0)).sum()


@pytest.mark.parametrize(("text", "number"), [("left", 0), ("1", 0), ("right", 1), ("2", 1), ("largest", 1), ("point", 0), ("point", 1)])
def test_whoever_is_asked_for_is_taken(pair, extraction, capsys, text, number):
    path, boxes = pair
    middle = (boxes[number][:2] + boxes[number][2:]) / 2
    person = load_person(str(path), None, 64, extraction, chosen("{:.1f},{:.0f}".format(*middle) if text == "point" else text))
    left, _, right, _ = person.geometry.box
    mine, other = boxes[number], boxes[1 - number]
    assert left < mine[0] and mine[2] < right and not left < (other[0] + other[2]) / 2 < right
    if text != "point":
        assert f"2 people; took number {number + 1} from the left, at " in capsys.readouterr().err


def test_without_a_choice_it_says_that_there_are_others(pair, extraction, capsys):
    load_person(str(pair[0]), None, 64, extraction)
    assert "2 people; took number 2 from the left" in (said := capsys.readouterr().err) and "another one with --person; cropped" in said


def test_the_choice_holds_for_the_whole_picture_too(pair, extraction):
    path, boxes = pair
    for text, box in zip(("left", "right"), boxes, strict=True):
        person = load_person(str(path), None, 256, extraction, chosen(text, crop=False))
        assert person.geometry.whole
        found = to_source(body_box(person.iuv), person.geometry)
        assert np.abs(found - box).max() < 20


def test_who_is_not_there_is_one_error(pair, extraction):
    for text in ("3", "590,10"):
        with pytest.raises(InputError, match=rf"pair\.png: --person {text} is not there; 2 people are: 1 at \d+-.*, 2 at .*; choose one"):
            load_person(str(pair[0]), None, 64, extraction, chosen(text))


def test_the_one_who_is_chosen_is_followed(extraction, tmp_path, capsys):
    walkers = (Walker(4, 130), 10, 4), (Walker(5, 130), 200, -4)
    frames, bodies = [], []
    for number in range(FRAMES):
        picture, both = landscape(380, 220), [np.zeros((220, 380), bool) for _ in walkers]
        for (walker, left, step), body in zip(walkers, both, strict=True):
            walker.paste(number, picture, body, left + step * number, 50)
        frames.append(picture)
        bodies.append(both)
    write_video(tmp_path / "two.mp4", frames, 6)
    for number, text in enumerate(("left", "2")):
        wanted = Wanted(128, framing=chosen(text, "--driving-person"))
        motion = load_motion(str(tmp_path / "two.mp4"), None, wanted, extraction)
        for driving, both in zip(motion.read(), bodies, strict=True):
            exact, found = motion.geometry.labels(both[number][..., None])[..., 0], driving.iuv[..., 0] > 0
            assert (exact & found).sum() > 0.6 * (exact | found).sum()
    assert capsys.readouterr().err.count("2 people; took number") == 2
    with pytest.raises(InputError, match=r"two\.mp4: --driving-person 4 is not there; 2 people are: 1 at"):
        load_motion(str(tmp_path / "two.mp4"), None, Wanted(128, framing=chosen("4", "--driving-person")), extraction)


def test_nobody_on_the_video_is_said_before_the_work(extraction, tmp_path):
    write_video(tmp_path / "wall.mp4", [landscape(96, 64)] * 4, 4)
    with pytest.raises(
        InputError, match=r"wall\.mp4: nobody was found in any of its 4 frames; take another one, or a part with a person, or"
    ):
        load_motion(str(tmp_path / "wall.mp4"), None, Wanted(64), extraction)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A photo and a video of a person drawn small, with maps beside them, a cache and a small model."""
    folder = tmp_path_factory.mktemp("framing")
    save_tiny_model(folder / "model.safetensors", "compose")
    write_split(folder / "test.h5", {"a": 2, "b": 3})
    wide = lambda picture, fill: np.pad(picture, ((60, 40), (30, 140), (0, 0)), constant_values=fill)  # noqa: E731
    drawn = [draw(1, number, 64) for number in range(FRAMES)]
    Image.fromarray(wide(drawn[0][0], 200)).save(folder / "person.png")
    write_iuv_png(folder / "person_IUV.png", wide(drawn[0][1], 0))
    write_video(folder / "dance.mp4", [wide(rgb, 200) for rgb, _ in drawn], 10)
    write_side_file(folder / "dance.iuv.h5", [wide(iuv, 0) for _, iuv in drawn], (FRAMES, 164, 234))
    return folder


def test_given_maps_say_where_the_body_is(files, extraction):
    person, motion = (
        load_person(str(files / "person.png"), None, 64, extraction),
        load_motion(str(files / "dance.mp4"), None, Wanted(64), extraction),
    )
    for found, drawn in ((person.geometry, [0]), (motion.geometry, range(FRAMES))):
        boxes = np.array([body_box(draw(1, number, 64)[1]) for number in drawn]) + np.tile((30, 60), 2)
        assert found.box == square(union(boxes.astype(float)), (234, 164))
    assert (motion.geometry.labels(np.pad(draw(1, 3, 64)[1], ((60, 40), (30, 140), (0, 0)))) == list(motion.read())[3].iuv).all()


def test_maps_of_another_size_than_a_reduced_photo_are_cut_alike(files, extraction, tmp_path):
    """A photo that is opened at half its size."""
    with Image.open(files / "person.png") as image, Image.open(files / "person_IUV.png") as maps:
        for name, picture in (("large.png", image), ("large_IUV.png", maps)):
            picture.resize((234 * 32, 164 * 32), Image.Resampling.NEAREST).save(tmp_path / name, compress_level=1)
    person = load_person(str(tmp_path / "large.png"), None, 64, extraction)
    assert person.photo.shape[1] == 234 * 16
    with Image.open(tmp_path / "large_IUV.png") as maps:
        body = np.asarray(maps.resize((234 * 16, 164 * 16), Image.Resampling.NEAREST))[..., 2:] > 0
    one, other = person.iuv[..., 0] > 0, person.geometry.labels(body)[..., 0]
    assert not person.geometry.whole and (one & other).sum() > 0.95 * (one | other).sum()


def test_a_motion_file_keeps_what_was_framed(files, tmp_path):
    out = tmp_path / "dance.motion.h5"
    assert run("motion", files / "dance.mp4", "-o", out, "--size", 64) == 0
    with h5py.File(out) as file:
        assert Geometry.from_json(file.attrs["geometry"]).box == square(np.array(union_box()), (234, 164))
    for name, driving in (("video", files / "dance.mp4"), ("file", out)):
        words = "animate", files / "person.png", driving, "-o", tmp_path / f"{name}.mp4", "--model", files, "--size", 64
        assert run(*words) == 0
    assert (tmp_path / "video.mp4").read_bytes() == (tmp_path / "file.mp4").read_bytes()
    assert run("motion", files / "dance.mp4", "-o", tmp_path / "whole.motion.h5", "--size", 64, "--crop", "off") == 0
    with h5py.File(tmp_path / "whole.motion.h5") as file:
        assert Geometry.from_json(file.attrs["geometry"]).whole


def union_box() -> list[float]:
    boxes = np.array([body_box(draw(1, number, 64)[1]) for number in range(FRAMES)], float) + np.tile((30, 60), 2)
    return [*boxes[:, :2].min(0), *boxes[:, 2:].max(0)]


def test_what_is_framed_already_stays_as_it_is(files, tmp_path, capsys):
    """Files that show the person well, and clips of the cache."""
    clip = list(RenderedClip(np.random.default_rng(3), size=64, frames=3, fps=5, motion="walk", background="plain"))
    Image.fromarray(clip[0].rgb).save(tmp_path / "photo.png")
    write_video(tmp_path / "dance.mp4", [frame.rgb for frame in clip], 5)
    for name, inputs in (
        ("files", (tmp_path / "photo.png", tmp_path / "dance.mp4")),
        ("clips", (f"{files}/test.h5:a", f"{files}/test.h5:b")),
    ):
        for crop in ("auto", "off"):
            assert run("animate", *inputs, "-o", tmp_path / f"{name}-{crop}.mp4", "--model", files, "--size", 64, "--crop", crop) == 0
        assert (tmp_path / f"{name}-auto.mp4").read_bytes() == (tmp_path / f"{name}-off.mp4").read_bytes()
    assert "cropped" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("person.png", "dance.mp4", "--person", "left"), "person.png: its IUV maps say who moves; leave out --person"),
        (("person.png", "dance.mp4", "--driving-person", "left"), "dance.mp4: its IUV maps say who moves; leave out --driving-person"),
        (("test.h5:a", "test.h5:b", "--person", "left"), "test.h5:a: shows one person already; leave out --person"),
        (("test.h5:a", "test.h5:b", "--driving-person", "1"), "test.h5:b: shows one person already; leave out --driving-person"),
        (("person.png", "dance.mp4", "--person", "0"), "--person 0: says nobody; give left, right, largest, a number"),
        (("person.png", "dance.mp4", "--driving-person", "3,"), "--driving-person 3,: says nobody"),
    ],
)
def test_choices_that_cannot_be(files, tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(files)
    assert run("animate", *words, "-o", tmp_path / "out.mp4", "--model", files, "--size", 64) == 2
    assert message in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "out.mp4").exists()


def test_a_choice_has_maps_of_its_own_in_the_cache(pair, tmp_path, cache_home, capsys):
    save_tiny_model(tmp_path / "model.safetensors", "compose")
    write_split(tmp_path / "test.h5", {"b": 2})

    def animate(*options) -> str:
        words = "animate", pair[0], f"{tmp_path}/test.h5:b", "-o", tmp_path / "out.mp4", "--model", tmp_path, *options
        assert run(*words) == 0
        return capsys.readouterr().err

    for person in ("left", "right"):
        options = "--crop", "off", "--person", person
        assert "IUV maps by the backend embedded" in animate(*options) and "IUV maps as found before" in animate(*options)
    assert "IUV maps as found before" in animate("--crop", "off", "--person", "1"), "whoever it is, not how one says it"


def test_the_square_of_a_body():
    inside = square(np.array([100.0, 200, 150, 290]), (900, 600))
    assert inside == (68, 188, 181, 301) and abs((290 - 200) / 113 - FILL) < 0.01
    assert square(np.array([0.0, 500, 40, 600]), (900, 600)) == (0, 475, 125, 600), "it stays in the picture"
    assert square(np.array([400.0, 60, 500, 560]), (1200, 600)) == (150, 0, 750, 600), "a little narrower than to need bars"
    assert square(np.array([20.0, 100, 320, 700]), (360, 1280)) == (-205, 25, 545, 775), (
        "bars where the body needs them, for the whole width"
    )
    for body in (70, 80, 95, 100):
        assert square(np.array([40.0, 0, 60, body]), (100, 100)) is None, "the whole picture does as well"


def test_a_stray_frame_does_not_widen_the_box():
    walk = np.array([[10.0 * t, 50, 10 * t + 40, 150] for t in range(24)])
    assert union(walk).tolist() == [0, 50, 270, 150]
    stray = walk.copy()
    stray[7] = [900, 400, 940, 500]
    assert union(stray).tolist() == [0, 50, 270, 150]
    kick = walk.copy()
    kick[23, 2] += 35
    assert union(kick).tolist() == [0, 50, 305, 150]
    assert union(stray[7:10]).tolist() == [80, 50, 940, 500], "of a few frames all count"


def test_pieces_far_from_the_body_are_none_of_it():
    iuv = np.zeros((100, 100, 3), np.uint8)
    iuv[20:70, 30:50, 0] = 2
    iuv[74:80, 35:40, 0] = 5
    assert squares.body_box(iuv).tolist() == [30, 20, 50, 80], "a foot that something cuts off"
    iuv[2:8, 90:99, 0] = 23
    assert squares.body_box(iuv).tolist() == [30, 20, 50, 80]


def test_who_counts():
    boxes = np.array([[0.0, 0, 10, 40], [20, 0, 60, 100], [70, 10, 110, 110]])
    people = People(boxes, np.array([0.7, 0.95, 0.9]))
    pick = lambda text: PersonChoice.parse(text, "--person").pick(people)  # noqa: E731
    assert pick("left").tolist() == pick("1").tolist() == boxes[1].tolist() and pick("right").tolist() == boxes[2].tolist()
    assert pick("5,20").tolist() == boxes[0].tolist() and pick("63,50").tolist() == boxes[1].tolist(), "a point may lie beside"
    assert pick("3") is None and pick("300,5") is None
    assert PersonChoice.parse("left", "--person").pick(People(np.zeros((0, 4)), np.zeros(0))) is None


def test_a_search_enters_digests_only_where_it_is_not_the_usual_one():
    searches = [USUAL, Search(2), Search(2, Start(0, (0, 0, 5, 5))), Search(1, Start(0, (0, 0, 5, 5))), Search(1, Start(1, (0, 0, 5, 5)))]
    keys = [search.key() for search in searches]
    assert keys[0] == [] and all(keys[1:]) and len({str(key) for key in keys}) == len(keys)
    assert [finer_for(share, 0.4) for share in (0.9, 0.4, 0.39, 0.2, 0.15, 0.01)] == [1, 1, 2, 2, 4, 4]


def test_places_in_the_square_and_in_the_source():
    geometry = Geometry.from_box(300, 200, (-10, 20, 90, 70), 64)
    boxes = np.array([[0.0, 0, 64, 64], [10, 5, 20, 60]])
    assert to_source(boxes[0], geometry).tolist() == [-10, -5, 90, 95]
    assert np.allclose(to_square(to_source(boxes, geometry), geometry), boxes)


def test_frames_are_looked_at_from_the_first_to_the_last():
    footage = Footage(Path("x"), (8, 8), np.arange(100, 400), lambda *_: iter(()), "", "")
    places = footage.spread(32)
    assert len(places) == 32 and places[0] == 0 and places[-1] == 299 and np.ptp(np.diff(places)) <= 1
    assert Footage(Path("x"), (8, 8), np.arange(3), lambda *_: iter(()), "", "").spread(32).tolist() == [0, 1, 2]


def test_frames_far_apart_are_sought_one_by_one(extraction, files, tmp_path, monkeypatch):
    """The box is the same; a long video is not decoded twice."""
    walker, frames = Walker(3, 90, 12), []
    for number in range(48):
        picture = landscape(320, 200)
        walker.paste(number % 12, picture, np.zeros((200, 320), bool), 3 * number, 80)
        frames.append(picture)
    write_video(tmp_path / "walk.mp4", frames, 6)
    wanted, boxes, windows = Wanted(64), [], []
    monkeypatch.setattr("dwnet.animation.framing.look.FRAMES", 6)
    monkeypatch.setattr(sources, "read_frames", lambda *words: windows.append(words[1:3]) or read_frames(*words))
    for apart in (600, 5):
        monkeypatch.setattr(sources, "APART", apart)
        boxes.append(load_motion(str(tmp_path / "walk.mp4"), None, wanted, extraction).geometry.box)
    assert (
        boxes[0] == boxes[1] and windows[0] == (0, 48) and (47, 48) in windows and all(b - a == 1 for a, b in windows if (a, b) != (0, 48))
    )


def test_read_frames_of_the_result(photo, files, tmp_path):
    """The whole command: the person who was small fills the frames of the result."""
    out = tmp_path / "out.mp4"
    assert run("animate", photo[0], files / "dance.mp4", "-o", out, "--model", files, "--size", 64) == 0
    assert len(list(read_frames(out))) == FRAMES
