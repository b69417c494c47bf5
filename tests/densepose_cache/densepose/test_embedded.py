"""The shipped IUV network as the detector asks for it, and its recorded figures."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from densepose_cache.core.errors import InputError
from densepose_cache.densepose.backends.embedded import EmbeddedNetwork, cut_out, people
from densepose_cache.densepose.network import Network
from densepose_cache.iuv_network.framing import Crop, crop_around
from densepose_cache.iuv_network.model import PredictedMaps
from densepose_cache.iuv_network.paint import one_person, paint
from densepose_cache.iuv_network.training.score import check_batches, score
from densepose_cache.iuv_network.weights import WEIGHTS, read_record
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.storage.digest import file_sha256


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def network() -> EmbeddedNetwork:
    return EmbeddedNetwork()


@pytest.fixture(scope="module")
def frames() -> list:
    clip = RenderedClip(np.random.default_rng(3), size=128, frames=3, fps=5, motion="walk", background="plain")
    return list(clip)


def test_the_weights_are_those_of_the_record_and_small():
    assert file_sha256(WEIGHTS) == read_record()["sha256"]
    assert WEIGHTS.stat().st_size <= 12_000_000
    assert read_record()["parameters"] <= 6_000_000


def test_the_weights_reach_their_recorded_figures(network, tmp_path):
    found, recorded = score(network.network, check_batches(tmp_path)), read_record()["figures"]
    for name, value in recorded.items():
        assert found[name] == pytest.approx(value, rel=0.01, abs=0.003), name


def test_wrong_weight_files_are_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.safetensors is missing"):
        EmbeddedNetwork(weights=tmp_path / "gone.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    for name in ("other", "text"):
        with pytest.raises(InputError, match=rf"{name}\.safetensors has no weights"):
            EmbeddedNetwork(weights=tmp_path / f"{name}.safetensors")


def test_a_walking_person_is_found_and_mapped(network, frames):
    net: Network = network
    prepared = [net.prepare(frame.rgb) for frame in frames] + [net.prepare(np.full((128, 128, 3), 200, np.uint8))]
    found = net.detect(prepared)
    assert [len(boxes) for boxes in found.boxes][:3] == [1, 1, 1] and len(found.boxes[3]) == len(found.scores[3]) == 0
    assert all(0.5 < scores[0] <= 1 for scores in found.scores[:3])
    maps = net.maps(found, [0, None, 0, None])
    assert maps[1] is None and maps[3] is None
    for t in (0, 2):
        truth, iuv = frames[t].iuv, maps[t]
        assert iuv.shape == truth.shape and iuv.dtype == np.uint8 and iuv[..., 0].max() <= 24
        assert (iuv[iuv[..., 0] == 0] == 0).all()
        body, other = truth[..., 0] > 0, iuv[..., 0] > 0
        assert (body & other).sum() / (body | other).sum() > 0.7
        rows, columns = np.nonzero(body)
        left, top, right, bottom = found.boxes[t][0]
        assert max(abs(left - columns.min()), abs(right - columns.max()), abs(top - rows.min()), abs(bottom - rows.max())) < 12


def test_a_finer_look_finds_a_small_person(network, frames):
    """A quarter as large as the frame; the usual look is as before."""
    rgb = np.full((512, 512, 3), 200, np.uint8)
    rgb[300:428, 40:168] = frames[0].rgb
    finer = network.finer(4)
    found = finer.detect([finer.prepare(rgb)])
    rows, columns = np.nonzero(frames[0].iuv[..., 0])
    exact = np.array([columns.min() + 40, rows.min() + 300, columns.max() + 41, rows.max() + 301])
    assert np.abs(found.boxes[0][0] - exact).max() < 12
    (iuv,) = finer.maps(found, [0])
    assert np.abs(np.argwhere(iuv[..., 0]).min(0)[::-1] - exact[:2]).max() < 12
    usual = network.detect([network.prepare(rgb)]).boxes[0]
    assert np.abs(found.boxes[0][0] - exact).sum() < 0.7 * np.abs(usual[0] - exact).sum(), "what this is for"


def test_a_mirrored_frame_gives_a_mirrored_silhouette(network, frames):
    rgb = frames[0].rgb
    found = network.detect([network.prepare(rgb), network.prepare(np.ascontiguousarray(rgb[:, ::-1]))])
    straight, turned = network.maps(found, [0, 0])
    a, b = straight[..., 0] > 0, turned[:, ::-1, 0] > 0
    assert (a & b).sum() / (a | b).sum() > 0.85


def test_a_batch_and_single_frames_agree(network, frames):
    prepared = [network.prepare(frame.rgb) for frame in frames]
    together = network.maps(network.detect(prepared), [0, 0, 0])
    for one, iuv in zip(prepared, together, strict=True):
        alone = network.maps(network.detect([one]), [0])[0]
        assert (alone != iuv).any(-1).mean() < 0.005


def test_people_are_pieces_of_the_silhouette():
    probability = np.zeros((64, 64), np.float32)
    probability[10:40, 8:20], probability[20:50, 40:52], probability[60, 60] = 0.9, 0.7, 1.0
    found = people(probability, (256, 256), 0.5)
    assert [box for _, box in found] == [[32, 40, 80, 160], [160, 80, 208, 200]]
    assert [round(value, 3) for value, _ in found] == [0.9, 0.7]
    assert len(people(probability, (256, 256), 0.8)) == 1


def test_paint_puts_a_crop_back_where_it_was():
    crop = Crop(64, 32, 64, 128, (64, 32))
    silhouette = torch.full((1, 32, 16), -5.0)
    silhouette[:, 8:24, 4:12] = 5
    parts, uv = torch.zeros(1, 24, 32, 16), torch.zeros(1, 48, 16, 8)
    parts[:, 6, :16], parts[:, 20, 16:] = 3, 3
    uv[:, 12], uv[:, 13], uv[:, 40], uv[:, 41] = 0.2, 0.4, 0.6, 1.2
    iuv = paint(PredictedMaps(silhouette, parts, uv), [crop], 256, 256)[0]
    rows, columns = np.nonzero(iuv[..., 0])
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (64, 128, 80, 112)
    assert (iuv[66:96, 82:110] == [7, 51, 102]).all() and (iuv[96:126, 82:110] == [21, 153, 255]).all()


def test_cut_out_takes_the_crops_pixels():
    frame = np.zeros((256, 256, 3), np.uint8)
    frame[40:200, 100:180] = 255
    crop = crop_around(np.array([100, 40, 180, 200], float), frame.shape[:2])
    part = cut_out(frame, crop)
    assert part.shape == (*crop.shape, 3)
    share = 160 * 80 / (crop.height * crop.width)
    assert part.mean() / 255 == pytest.approx(share, rel=0.03)


def test_one_person_drops_others_and_keeps_cut_off_hands():
    iuv = np.zeros((64, 64, 3), np.uint8)
    iuv[10:50, 20:35], iuv[20:24, 38:42], iuv[10:50, 50:60], iuv[2:4, 60:62] = 2, 3, 2, 5
    left = one_person(iuv, np.array([18, 8, 44, 52]))
    assert (left[10:50, 20:35] == 2).all() and (left[20:24, 38:42] == 3).all() and not left[:, 44:].any()
