"""Rendered people in files, and the batches made of them."""

import pickle

import numpy as np
import pytest

from densepose_cache.iuv_network.framing import FRAME, MARGIN, SHAPES, SMALL_SHAPES, crop_around
from densepose_cache.iuv_network.training.batches import Batches, part_shares
from densepose_cache.iuv_network.training.cutouts import CutOuts, Request, render_set
from densepose_cache.iuv_network.training.spoil import spoil
from densepose_cache.rendered.backgrounds import SIZE, draw_background, draw_backgrounds

REQUEST = Request("test", 3, 4, 11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("people")


@pytest.fixture(scope="module")
def cutouts(folder) -> CutOuts:
    render_set(REQUEST, folder, 1)
    return CutOuts(REQUEST, folder)


@pytest.fixture(scope="module")
def batches(cutouts) -> Batches:
    return Batches(cutouts, draw_backgrounds(5, 1), 4, 3, 2)


def test_a_set_is_rendered_once_and_alike(folder, cutouts, tmp_path):
    assert len(cutouts) == 12
    files = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    digest = render_set(REQUEST, folder, 1)
    assert files == {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert digest == render_set(REQUEST, tmp_path, 1)
    assert digest != render_set(Request("test", 1, 4, 12), tmp_path, 1)


def test_another_process_opens_the_files_itself(cutouts):
    sent = pickle.dumps(cutouts)
    again = pickle.loads(sent)
    assert len(sent) < 1000 and len(again) == len(cutouts)
    assert np.array_equal(again[2].rgba, cutouts[2].rgba) and np.array_equal(again[2].iuv, cutouts[2].iuv)


def test_cut_outs_show_clothed_people_with_maps(cutouts):
    for index in range(len(cutouts)):
        person = cutouts[index]
        body, cover = person.iuv[..., 0] > 0, person.rgba[..., 3] >= 128
        assert person.iuv[..., 0].max() <= 24 and (person.iuv[~body] == 0).all()
        assert (body & cover).sum() / (body | cover).sum() > 0.6
        assert (person.rgba[..., :3] <= person.rgba[..., 3:].astype(int) + 1).all(), "colours are times coverage"


def test_a_batch_number_means_one_batch(batches):
    first, again, other = batches[1], batches[1], batches[2]
    assert (first.images == again.images).all() and (first.half == again.half).all()
    assert first.images.shape != other.images.shape or (first.images != other.images).any()


def test_batches_have_the_shapes_of_their_stage(batches):
    for number in range(8):
        batch = batches[number]
        height, width = batch.images.shape[2:]
        shapes = (SMALL_SHAPES if number < 3 else SHAPES).values()
        assert (height, width) in {*shapes, (FRAME, FRAME)}
        assert batch.half.shape[2:] == (height // 2, width // 2) and batch.quarter.shape[2:] == (height // 4, width // 4)
        assert (batch.half[:, 0] > 0).float().mean() > 0.02


def test_part_shares(cutouts):
    shares = part_shares(cutouts, every=1)
    assert shares.sum() == pytest.approx(1) and shares.min() > 0
    assert shares[3 - 1] == shares[4 - 1] and shares[1 - 1] > shares[3 - 1]


def test_backgrounds_and_spoiling_keep_the_form():
    rng = np.random.default_rng(4)
    for _ in range(8):
        background = draw_background(rng)
        assert background.shape == (SIZE, SIZE, 3) and background.dtype == np.uint8
    picture = rng.uniform(0, 255, (64, 48, 3)).astype(np.float32)
    for _ in range(30):
        spoiled = spoil(picture, rng)
        assert spoiled.shape == picture.shape and spoiled.dtype == np.uint8


@pytest.mark.parametrize(
    "box",
    [
        (100, 10, 150, 250),
        (10, 50, 240, 250),
        (0, 0, 256, 256),
        (5, 5, 100, 240),
        (0, 100, 40, 180),
        (200, 200, 204, 210),
        (3, 9, 154, 256),
    ],
)
def test_a_crop_holds_its_box_and_stays_in_the_frame(box):
    crop = crop_around(np.array(box, float), (256, 256))
    assert crop.shape in SHAPES.values()
    assert crop.height / crop.width == pytest.approx(crop.shape[0] / crop.shape[1])
    assert crop.left >= -1e-9 and crop.top >= -1e-9 and crop.left + crop.width <= 256 + 1e-6 and crop.top + crop.height <= 256 + 1e-6
    assert crop.left <= box[0] + 1e-6 and crop.top <= box[1] + 1e-6
    assert crop.left + crop.width >= box[2] - 1e-6 and crop.top + crop.height >= box[3] - 1e-6
    assert crop.height <= MARGIN * 1.3 * max(box[3] - box[1], 1.8 * (box[2] - box[0]), 8)
