"""People as they come, and that the usual ones stay who they were."""

from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest

from densepose_cache.cli.main import SUBCOMMANDS, SUMMARY
from densepose_cache.cli.subcommands import run_subcommands
from densepose_cache.rendered.backgrounds import KINDS
from densepose_cache.rendered.figure.body import load_body
from densepose_cache.rendered.figure.person import draw_looks
from densepose_cache.rendered.render import RenderedClip, clip_generator
from densepose_cache.rendered.wide import FAR, LOOSE, NEAR, NEAR_SHARE, draw_person, frame_anywhere, paint_scene, whiten
from densepose_cache.rendered.write import ClipRequest, is_current, write_sample
from densepose_cache.storage.digest import digest

SIZE = 96
SMALL = {"train": 1, "test": 1, "size": 64, "frames": 3, "fps": 5, "workers": 1}
USUAL = {
    (0, "train", 0, None): "74577d2accf6f952bc1271ee66dd130d8a8cfd793904cee4c3c3fd218ccd47e9",
    (0, "test", 1, "white"): "dd402902ee60d23b17ffd658749ddfb849d045fe799220da226a8ac9151fb44a",
    (7, "train", 3, "room"): "f52788bebdcaca26b0c526c077432e98a1014f329be75273014f37dc72de0570",
}
"""Digests of what the manifest says of usual clips (seed, split, index, background), from before there were others."""
REQUESTS = {
    ("train", 3, 7, 128, 24, 25, "white"): "12258f5633699c785d6e7a0daf0e19460eb8b6146120d47eabc5c9ed48f19e84",
    ("test", 0, 0, 256, 48, 25, "any"): "a5d9824754e937bce32f4f18de225f523b4a64b8d034fb6cace08db4d88f22f4",
}
"""Digests by which clips that are rendered already are known, from then, too."""


def make(index=0, seed=0, frames=3, **choices):
    return RenderedClip(clip_generator(seed, "train", index), size=SIZE, frames=frames, fps=6, **choices)


@pytest.mark.parametrize("number", USUAL)
def test_usual_people_stay_who_they_were(number):
    *place, background = number
    clip = RenderedClip(clip_generator(*place), size=64, frames=4, fps=5, background=background)
    assert digest(clip.facts()) == USUAL[number]


@pytest.mark.parametrize("request_", REQUESTS)
def test_usual_clips_are_known_by_the_digests_that_they_had(request_):
    assert ClipRequest(*request_).digest == ClipRequest(*request_, wide=False).digest == REQUESTS[request_]
    assert ClipRequest(*request_, wide=True).digest not in REQUESTS.values()


def test_the_same_numbers_give_the_same_clip_and_others_another():
    for one, again in zip(make(wide=True), make(wide=True), strict=True):
        for name in ("rgb", "iuv", "keypoints", "silhouette"):
            np.testing.assert_array_equal(getattr(one, name), getattr(again, name))
    pictures = [
        make(wide=True).render(0).rgb,
        make(1, wide=True).render(0).rgb,
        make(seed=1, wide=True).render(0).rgb,
        make().render(0).rgb,
    ]
    for k, one in enumerate(pictures):
        for other in pictures[:k]:
            assert (one != other).any(-1).mean() > 0.05


def test_everybody_is_there_with_a_map_of_the_body():
    heights = []
    for index in range(10):
        clip = make(index, frames=2, wide=True)
        assert clip.facts()["background"] == "scene"
        for frame in clip:
            parts, rows = frame.iuv[..., 0], np.flatnonzero(frame.silhouette.any(1))
            assert parts.max() <= 24 and not frame.iuv[parts == 0].any() and len(np.unique(parts)) >= 8
            assert 0.02 < frame.silhouette.mean() < 0.6 and (parts > 0)[frame.silhouette].mean() > 0.4
            heights.append(len(rows) / SIZE)
    assert min(heights) < 0.75 * max(heights), "near and far"


def test_the_camera_is_near_now_and_then_and_mostly_takes_the_whole_person():
    points = np.random.default_rng(0).uniform((-0.4, -0.2, 0), (0.4, 0.2, 1.8), (2, 200, 3))
    whole, tall = [], []
    for seed in range(300):
        seen = frame_anywhere(points, SIZE, np.random.default_rng(seed)).project(points)[..., :2]
        whole.append(seen.min() >= 0 and seen.max() <= SIZE)
        tall.append(np.ptp(seen[..., 1]) / SIZE)
        assert 0 < seen[..., 0].mean() < SIZE and 0 < seen[..., 1].mean() < 1.2 * SIZE
    assert 1 - NEAR_SHARE - 0.08 < np.mean(whole) < 1 - NEAR_SHARE + 0.08
    assert 0.4 < min(tall) < 0.84 * FAR + 0.1 and 1 < max(tall) < 0.93 * NEAR + 0.01


def test_some_wear_loose_clothes_and_are_the_same_people_otherwise():
    changed = []
    for seed in range(25):
        usual, looks = draw_looks(load_body(), np.random.default_rng(seed)), draw_person(np.random.default_rng(seed)).looks
        assert replace(looks, loose=usual.loose, wide=usual.wide) == usual
        changed.append(looks != usual)
        assert not changed[-1] or (0.01 <= looks.loose <= 0.035 and 0.015 <= looks.wide <= 0.05)
    assert abs(np.mean(changed) - LOOSE) < 0.2


def test_white_clothes_keep_a_trace_of_their_print():
    random = np.random.default_rng(0)
    stack = random.random((4, 16, 16, 3)).astype(np.float32) * 0.5
    before = stack.copy()
    whiten(stack, (1, 2), random)
    assert np.array_equal(stack[[0, 3]], before[[0, 3]]) and stack[[1, 2]].min() > 0.6 and stack.max() <= 1
    assert np.corrcoef(stack[1].ravel(), before[1].ravel())[0, 1] > 0.5


def test_scenes_are_pictures_of_all_kinds():
    scenes = np.stack([paint_scene(48, np.random.default_rng(seed)) for seed in range(12)])
    assert scenes.shape == (12, 48, 48, 3) and scenes.dtype == np.float32 and scenes.min() >= 0 and scenes.max() <= 1
    spread = scenes.std((1, 2)).mean(-1)
    assert spread.min() < 0.06 < 0.12 < spread.max() and sum(KINDS.values()) == pytest.approx(1)


def test_wide_is_part_of_what_a_clip_is(tmp_path):
    write_sample(tmp_path, **SMALL)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_sample(tmp_path, **SMALL, wide=False)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    manifest = write_sample(tmp_path, **SMALL, wide=True)
    assert set(manifest["background"]) == {"scene"} and manifest["coefficients"].is_unique
    assert all(path.stat().st_mtime_ns != before[path.name] for path in tmp_path.iterdir())
    request = ClipRequest("train", 0, 0, 64, 3, 5, "any", True)
    assert is_current(tmp_path, request) and not is_current(tmp_path, ClipRequest("train", 0, 0, 64, 3, 5, "any"))


def test_the_subcommand_has_a_switch_for_it(tmp_path, capsys):
    arguments = ["sample", "--train", "1", "--test", "1", "--size", "64", "--frames", "3", "--fps", "5", "--workers", "1", "--out"]
    folders = {name: tmp_path / name for name in ("usual", "wide", "called")}
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [*arguments, str(folders["usual"])]) == 0
    assert run_subcommands(SUMMARY, SUBCOMMANDS, [*arguments, str(folders["wide"]), "--wide"]) == 0
    write_sample(folders["called"], **SMALL, wide=True)
    texts = {name: (folder / "manifest.csv").read_text() for name, folder in folders.items()}
    assert texts["wide"] == texts["called"] != texts["usual"]
    assert set(pd.read_csv(folders["wide"] / "manifest.csv")["background"]) == {"scene"}
    with h5py.File(folders["wide"] / "sample-train-0000.iuv.h5") as one, h5py.File(folders["called"] / "sample-train-0000.iuv.h5") as other:
        assert one.attrs["digest"] == other.attrs["digest"] and np.array_equal(one["iuv"][:], other["iuv"][:])
    assert run_subcommands(SUMMARY, SUBCOMMANDS, ["sample", "--help"]) == 0
    assert "--wide" in capsys.readouterr().out
