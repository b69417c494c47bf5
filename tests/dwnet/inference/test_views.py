"""Several pictures of one person: which of them each pixel is taken from, and what becomes of it."""

import numpy as np
import pytest
import torch
from tiny_model import tiny_generator

from densepose_cache.rendered.render import RenderedClip
from densepose_cache.warp.fill import EARS, HEAD
from densepose_cache.warp.surface import SHIFT, surface_table
from dwnet.inference.driving import FreeDriving
from dwnet.inference.rollout import generate_frames
from dwnet.inference.views.colours import colour_gain
from dwnet.inference.views.generate import generate_from_views
from dwnet.inference.views.pictures import alike
from dwnet.inference.views.surface import FADE, SurfaceViews
from dwnet.model.checkpoint import load_model
from dwnet.pretrained import EMBEDDED

BACK, FRONT = 1, 2
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def turn():
    """Frames (T, S, S, 3) and maps of a person who turns round once, and which of them show most of the front and of the back."""
    frames = list(RenderedClip(np.random.default_rng(7), size=128, frames=12, fps=4, motion="turn", background="plain"))
    maps = np.stack([frame.iuv for frame in frames])
    front, back = (int((maps[..., 0] == part).sum((1, 2)).argmax()) for part in (FRONT, BACK))
    return np.stack([frame.rgb for frame in frames]), maps, front, back


def generated(generator, pictures, maps, driving) -> np.ndarray:
    """Frames (T, S, S, 3) as `dwnet animate` makes them."""
    drivings = [FreeDriving(*pair, driving, "lattice") for pair in zip(alike(pictures, maps), maps, strict=True)]
    if len(drivings) == 1:
        return np.concatenate(list(generate_frames(generator, drivings, [len(driving)], CPU)))
    return np.concatenate(list(generate_from_views(generator, drivings, len(driving), CPU)))


def test_a_back_comes_from_the_picture_of_the_back(turn):
    """Frames that show the back, without the one that was given."""
    frames, maps, front, back = turn
    shown = [t for t in range(len(frames)) if t != back and (maps[t, ..., 0] == BACK).sum() > 4 * (maps[t, ..., 0] == FRONT).sum()]
    network, body = load_model(EMBEDDED)[0], maps[shown][..., 0] > 0
    error = {}
    for name, given in {"front": [front], "both": [front, back]}.items():
        found = generated(network, frames[given], maps[given], maps)[shown]
        error[name] = np.abs(found.astype(int) - frames[shown]).mean(-1)[body].mean()
    assert error["both"] < 0.85 * error["front"]


def test_the_order_of_pictures_decides_only_about_the_background(turn):
    _, maps, front, back = turn
    some, others = SurfaceViews(maps[[front, back]]), SurfaceViews(maps[[back, front]])
    for iuv in maps:
        one, other = some.shares(iuv), others.shares(iuv)[::-1]
        assert np.abs(one - other)[:, iuv[..., 0] > 0].max() < 1e-5
        assert np.allclose(one.sum(0), 1, atol=1e-5) and one[0, 0, 0] == other[1, 0, 0] == 1


def test_shares_move_along_with_the_body_and_are_smooth(turn):
    """Moved by a few pixels the same shares come out, and nowhere do neighbours on the same part belong to different pictures."""
    _, maps, front, back = turn
    views, iuv = SurfaceViews(maps[[front, back]]), maps[(front + back) // 2]
    shares, moved = views.shares(iuv), views.shares(np.roll(iuv, (2, -3), (0, 1)))
    assert np.abs(np.roll(shares, (2, -3), (1, 2)) - moved)[:, 8:-8, 8:-8].max() < 5e-3
    part = iuv[..., 0]
    same = (part[:, 1:] == part[:, :-1]) & (part[:, 1:] > 0)
    steps = np.abs(np.diff(shares[0], axis=1))[same]
    assert 0.1 < shares[0][part > 0].mean() < 0.8 and steps.max() < 0.75 and steps.mean() < 0.1


def test_a_face_is_of_one_picture(turn):
    """Of two that show the front, a twelfth of a turn apart, the one that shows more of the face gives it whole."""
    _, maps, front, _ = turn
    beside = (front + 1) % len(maps)
    shares = SurfaceViews(maps[[front, beside]]).shares(maps[front])
    part, u, v = (maps[front] >> [0, SHIFT, SHIFT]).transpose(2, 0, 1)
    face = shares[:, np.isin(part, HEAD) & (surface_table()[part, u, v, 1] < EARS - FADE)]
    assert face.shape[1] > 20 and (face.mean(1) > 0.9).any()


def test_pictures_are_made_alike(turn):
    """Before the first one's background, darker pictures in its colours; the front and the back have too little in common for that."""
    frames, maps, front, back = turn
    dim = np.rint(frames * [0.8, 0.8, 0.7]).astype(np.uint8)
    gain = colour_gain(frames[front], maps[front], dim[front], maps[front])
    assert np.abs(gain * [0.8, 0.8, 0.7] - 1).max() < 0.02
    assert np.array_equal(colour_gain(frames[front], maps[front], dim[back], maps[back]), np.ones(3))
    elsewhere = np.where(maps[back][..., :1] > 0, frames[back], np.uint8(255) - frames[back])
    first, other = alike([frames[front], elsewhere], maps[[front, back]])
    body = maps[back][..., 0] > 0
    assert np.array_equal(first, frames[front]) and np.abs(other[body].astype(int) - frames[back][body]).max() <= 1
    nobody = ~(maps[front][..., 0] > 0) & ~body
    assert (np.abs(other[nobody].astype(int) - first[nobody]).max(-1) <= 2).mean() > 0.85


def test_every_generator_takes_several_pictures(generator, turn):
    frames, maps, front, back = turn
    given, driving = [front, back], maps[:3]
    network = tiny_generator(generator)
    both, twice = (generated(network, frames[which], maps[which], driving) for which in (given, [front, front]))
    once = generated(network, frames[[front]], maps[[front]], driving)
    assert both.shape == once.shape and (both != once).any() and np.abs(twice.astype(int) - once).max() <= 3
