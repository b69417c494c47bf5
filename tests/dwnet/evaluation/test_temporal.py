"""Metrics of consecutive frames: values computed another way, known cases, the same in windows of any length."""

import numpy as np
import pytest
import torch
from people import draw

from densepose_cache.warp import source_frame
from densepose_cache.warp.grid import visible_pixels
from dwnet.evaluation.metrics.keypoint_distance import akd, akd_l2
from dwnet.evaluation.metrics.measures import Lpips, Perceptual, Pixels, Steadiness
from dwnet.evaluation.windows import Window, measure_frames
from dwnet.model.perceptual import EmbeddedFeatures

COUNT = 7
CPU = torch.device("cpu")
TLP = "tlp_efficientnet_lite0"


@pytest.fixture(scope="module")
def clip():
    """A whole clip of a drawn person as one window."""
    torch.set_num_threads(1)
    frames, maps = (np.stack(part) for part in zip(*(draw(0, number) for number in range(COUNT)), strict=True))
    index, visible = np.zeros(maps.shape[:3], np.int64), np.zeros(maps.shape[:3], bool)
    for t in range(1, COUNT):
        index[t] = source_frame("lattice", maps[t - 1]).grids([maps[t]])[0].index
        visible[t] = visible_pixels(maps[t - 1], maps[t])
    return Window(frames, maps[..., 0] > 0, index, visible)


@pytest.fixture(scope="module")
def measures():
    return [Pixels(), Steadiness(), Perceptual(EmbeddedFeatures(), CPU)]


def measured(clip, measures, others, length=COUNT):
    """{(method, metric): values (T,)} in windows of `length` frames."""
    found, seen = {}, None
    for start in range(0, COUNT, length):
        part = slice(start, start + length)
        window = Window(clip.frames[part], clip.body[part], clip.index[part], clip.visible[part])
        result = measure_frames(window, {name: frames[part] for name, frames in others.items()}, measures, CPU, seen)
        seen = result.seen
        for method, metric, values in result.values:
            found.setdefault((method, metric), []).append(values)
    return {key: np.concatenate(parts) for key, parts in found.items()}


def noisy(frames, sigma, seed=1):
    noise = np.random.default_rng(seed).normal(0, sigma, frames.shape)
    return np.clip(frames + noise, 0, 255).round().astype(np.uint8)


def test_values_are_those_of_loops_over_pixels(clip, measures):
    other = noisy(clip.frames, 20)
    found = measured(clip, measures, {"model": other})
    for t in range(1, COUNT):
        rows, columns = np.nonzero(clip.visible[t] & clip.body[t])
        before = other[t - 1].reshape(-1, 3)[clip.index[t][rows, columns]].astype(float)
        wanted = np.abs(other[t][rows, columns] - before).mean() / 255
        assert found["model", "warp_error"][t] == pytest.approx(wanted, rel=1e-5)
    features = EmbeddedFeatures()

    def distance(a, b):
        taps = [features(torch.from_numpy(frame).permute(2, 0, 1)[None].float() / 127.5 - 1) for frame in (a, b)]
        return sum(float(w) * float((x - y).abs().mean()) for w, x, y in zip(features.tap_weights, *taps, strict=True))

    with torch.inference_mode():
        for t in range(1, COUNT):
            wanted = abs(distance(clip.frames[t], clip.frames[t - 1]) - distance(other[t], other[t - 1]))
            assert found["model", TLP][t] == pytest.approx(wanted, rel=1e-3, abs=1e-6)


def test_first_frames_have_none_and_windows_change_nothing(clip, measures):
    others = {"model": noisy(clip.frames, 20), "copy": np.repeat(clip.frames[:1], COUNT, 0)}
    whole = measured(clip, measures, others)
    for metric in ("warp_error", TLP):
        assert np.isnan(whole["model", metric][0]) and np.isfinite(whole["model", metric][1:]).all()
    for length in (1, 3):
        parts = measured(clip, measures, others, length)
        assert parts.keys() == whole.keys()
        for key in whole:
            np.testing.assert_allclose(parts[key], whole[key], rtol=1e-4, atol=1e-7, err_msg=str(key))


def test_known_cases(clip, measures):
    steady = np.clip(clip.frames.astype(int) + 6, 0, 255).astype(np.uint8)
    flicker = np.stack([np.clip(frame.astype(int) + 12 * (t % 2), 0, 255) for t, frame in enumerate(clip.frames)]).astype(np.uint8)
    others = {"same": clip.frames, "steady": steady, "flicker": flicker, "shuffled": clip.frames[[3, 0, 5, 1, 6, 2, 4]]}
    found = {key: np.nanmean(values) for key, values in measured(clip, measures, others).items()}
    assert found["same", TLP] == 0 and found["same", "warp_error"] == found["real", "warp_error"]
    for metric in (TLP, "warp_error"):
        assert found["steady", metric] < 0.6 * found["flicker", metric], metric
        assert found["same", metric] < found["shuffled", metric], metric
    assert found["flicker", "l1"] < 1.1 * found["steady", "l1"], "frame by frame the flickering one is as near"


def test_a_body_without_correspondence_has_no_value(clip, measures):
    alone = Window(clip.frames, clip.body, clip.index, np.zeros_like(clip.visible))
    assert np.isnan(measured(alone, measures, {"model": clip.frames})["model", "warp_error"]).all()


def test_the_euclidean_distance_is_that_of_the_plane():
    real = np.zeros((17, 3))
    real[:4, 2] = 1
    moved = real.copy()
    moved[:4, :2] += [3, 4]
    moved[3, 2] = 0
    assert (akd_l2(real, moved, 256), akd(real, moved, 256)) == (5, 3.5) and akd_l2(real, moved, 128) == 10
    assert np.isnan(akd_l2(real, np.zeros((17, 3)), 256))


def test_lpips_has_its_own(clip, monkeypatch):
    monkeypatch.setattr(Lpips, "__init__", lambda self: setattr(self, "_distance", lambda a, b: (a - b).abs().double().mean((1, 2, 3))))
    flicker = np.stack([np.clip(frame.astype(int) + 40 * (t % 2), 0, 255) for t, frame in enumerate(clip.frames)]).astype(np.uint8)
    found = measured(clip, [Lpips()], {"model": flicker, "same": clip.frames}, 3)
    assert np.nanmax(found["same", "tlp_alex"]) == 0 < np.nanmin(found["model", "tlp_alex"])
