"""FVD: windows of clips that come in parts, the network against its published check value, ranks of known cases, the whole evaluation."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from people import draw
from small_cache import write_split
from tiny_model import save_tiny_model

from densepose_cache.core.errors import InputError
from densepose_cache.storage.weights import WEIGHTS, find_weights
from dwnet.config import EvaluateSettings
from dwnet.evaluation.evaluate import evaluate
from dwnet.evaluation.keypoints import mediapipe_pose
from dwnet.evaluation.metrics import fvd as module
from dwnet.evaluation.metrics.feature_file import FVD, open_features
from dwnet.evaluation.metrics.frechet import Gaussian, frechet_distance
from dwnet.evaluation.metrics.fvd import LENGTH, VideoWindows, windows_of
from dwnet.evaluation.metrics.measures import FrechetSums
from dwnet.evaluation.networks.i3d import MIXED, STEM, UNITS, I3d, _padded
from dwnet.inference.rollout import rollout

PUBLISHED = Path(__file__).parents[3] / "weights" / WEIGHTS["i3d"].file


class Kept(FrechetSums):
    """Keeps what comes in."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def add(self, name, method, features):
        self.rows.append((name, method, features))


@pytest.mark.parametrize("stride", [1, 5, 16, 20])
@pytest.mark.parametrize("part", [1, 7, 40])
def test_windows_are_the_same_in_parts_of_any_length(stride, part):
    kept, lengths = Kept(), [40, 15, 33]
    windows = VideoWindows(lambda videos: videos[:, :, 0, 0, 0], stride, kept)
    for clip, length in enumerate(lengths):
        frames = np.broadcast_to((100 * clip + np.arange(length))[:, None, None, None], (length, 2, 2, 3))
        for start in range(0, length, part):
            windows.add({"real": frames[start : start + part], "model": frames[start : start + part]}, start == 0)
    wanted = [[100 * c + s + k for k in range(LENGTH)] for c, n in enumerate(lengths) for s in range(0, n - LENGTH + 1, stride)]
    for method in ("real", "model"):
        assert [row.tolist() for name, who, (row,) in kept.rows if who == method and name == FVD] == wanted
    assert [windows_of(length, stride) for length in lengths] == [len(range(0, n - LENGTH + 1, stride)) for n in lengths]


def test_padding_is_that_of_tensorflow():
    """Half of what lacks on either side, the odd one at the end: as many places as ceil(size / stride)."""
    net = torch.arange(1.0, 8).view(1, 1, 1, 1, 7)
    assert _padded(net, (1, 1, 3), (1, 1, 2)).flatten().tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0]
    assert _padded(net[..., :6], (1, 1, 3), (1, 1, 2)).flatten().tolist() == [1, 2, 3, 4, 5, 6, 0]
    for size in (5, 8, 13):
        for window, stride in ((7, 2), (3, 1), (2, 2)):
            padded = _padded(torch.zeros(1, 1, size, size, size), (window,) * 3, (stride,) * 3)
            assert F.max_pool3d(padded, window, stride).shape[-1] == -(-size // stride)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The published weights where they are, else random ones of the same shapes."""
    torch.set_num_threads(2)
    if PUBLISHED.is_file():
        return PUBLISHED
    return write_weights(tmp_path_factory.mktemp("i3d") / "i3d.ckpt")


def write_weights(path):
    random, params, statistics = np.random.default_rng(0), {}, {}
    outs = {"Mixed_3b": (64, 96, 128, 16, 32, 32), "Mixed_3c": (128, 128, 192, 32, 96, 64), "Mixed_4b": (192, 96, 208, 16, 48, 64)}
    outs |= {"Mixed_4c": (160, 112, 224, 24, 64, 64), "Mixed_4d": (128, 128, 256, 24, 64, 64), "Mixed_4e": (112, 144, 288, 32, 64, 64)}
    outs |= {name: (256, 160, 320, 32, 128, 128) for name in ("Mixed_4f", "Mixed_5b")} | {"Mixed_5c": (384, 192, 384, 48, 128, 128)}

    def unit(name, size, before, after):
        part, stats = params, statistics
        for step in name.split("/"):
            part, stats = part.setdefault(step, {}), stats.setdefault(step, {})
        kernel = random.normal(0, (2 / (size**3 * before)) ** 0.5, (size, size, size, before, after)).astype(np.float32)
        part.update(Conv_0={"kernel": kernel}, BatchNorm_0={"bias": np.zeros(after, np.float32)})
        stats["BatchNorm_0"] = {"mean": np.zeros((1, 1, 1, 1, after), np.float32), "var": np.ones((1, 1, 1, 1, after), np.float32)}
        return after

    channels = 3
    for name, after in zip(STEM, (64, 64, 192), strict=True):
        channels = unit(name, int(name[-1]), channels, after)
    for mixed in MIXED:
        widths = outs[mixed]
        for name, before, after in zip(UNITS, (channels, channels, widths[1], channels, widths[3], channels), widths, strict=True):
            unit(f"{mixed}/{name}", int(name[-1]), before, after)
        channels = widths[0] + widths[2] + widths[4] + widths[5]
    kernel = random.normal(0, 0.03, (1, 1, 1, channels, 400)).astype(np.float32)
    params["Logits"] = {"Conv3d_0c_1x1": {"Conv_0": {"kernel": kernel, "bias": np.zeros(400, np.float32)}}}
    path.write_bytes(pickle.dumps({"params": params, "batch_stats": statistics}))
    return path


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the weights are not there: densepose-cache fetch --weights i3d --out weights")
def test_zeros_and_ones_lie_as_far_apart_as_published():
    """The FVD of black against white videos of 30 frames is 151 with the original network."""
    net, black = I3d(find_weights("i3d", PUBLISHED.parent)), np.zeros((1, 30, 64, 64, 3), np.uint8)
    assert np.square(net.logits(black) - net.logits(black + 255)).sum() == pytest.approx(151.39, abs=0.05)


@pytest.mark.slow
def test_a_flickering_video_ranks_below_a_steady_one(weights):
    frames = np.stack([draw(0, number % 8)[0] for number in range(LENGTH + 2)])
    steady = np.clip(frames.astype(int) + 5, 0, 255).astype(np.uint8)
    flicker = np.stack([np.clip(frame.astype(int) + 40 * (t % 2), 0, 255) for t, frame in enumerate(frames)]).astype(np.uint8)
    sums = FrechetSums()
    VideoWindows(I3d(weights).logits, 1, sums).add({"real": frames, "same": frames, "steady": steady, "flicker": flicker}, True)
    found = {name: frechet_distance(sums.get(FVD, "real"), sums.get(FVD, name)) for name in ("same", "steady", "flicker")}
    assert found["same"] == pytest.approx(0, abs=1e-3) and found["steady"] < 0.5 * found["flicker"], found


def test_a_file_that_asks_for_more_than_arrays_is_refused(tmp_path):
    (tmp_path / "bad.ckpt").write_bytes(pickle.dumps({"params": Path("x"), "batch_stats": {}}))
    with pytest.raises(InputError, match=r"bad\.ckpt: no weights of I3D \(it asks for pathlib"):
        I3d(tmp_path / "bad.ckpt")


class MeanColours:
    def __init__(self, path, device):
        pass

    def logits(self, videos):
        return videos.mean((2, 3))[:, ::4].reshape(len(videos), -1).astype(np.float32)


def test_an_evaluation_reports_it_where_it_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(mediapipe_pose, "TASK", Path("no pose model"))
    lengths = {**{f"clip{number}": 18 for number in range(5)}, "short": 3}
    data, model = write_split(tmp_path / "test.h5", lengths), save_tiny_model(tmp_path / "model.safetensors")
    asked = EvaluateSettings(features="embedded", fvd=True, fvd_stride=2, resamples=200)
    rollout(model, data, asked, tmp_path / "rollout.h5")
    arguments = tmp_path / "rollout.h5", data, model
    without = evaluate(*arguments, asked, tmp_path / "weights", tmp_path / "metrics.json")
    assert FVD not in without["metrics"] and "fetch --weights i3d" in without["unavailable"][FVD]
    monkeypatch.setattr(module, "find_weights", lambda name, folder: model)
    monkeypatch.setattr(module, "I3d", MeanColours)
    found = evaluate(*arguments, asked, tmp_path / "weights", tmp_path / "metrics.json")
    value = found["metrics"][FVD]
    assert (value["real_windows"], value["generated_windows"], value["dimensions"]) == (10, 10, 12) and value["value"] > 0
    assert found["extractors"]["i3d"]["window"] == 16 and found["extractors"]["i3d"]["stride"] == 2
    assert set(found["baselines"]["copy_source"]) >= {FVD} and "interval" not in value, "a clip without windows"
    with open_features(tmp_path / "features.h5") as features:
        assert features.counts(FVD).tolist() == [2] * 5 + [0]
        real, made = (features.read(FVD, method) for method in ("real", "model"))
    sums = Gaussian(), Gaussian()
    for part, rows in zip(sums, (real, made), strict=True):
        part.add(rows)
    assert value["value"] == pytest.approx(frechet_distance(*sums), rel=0.02)
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"][FVD] == value
    short = {name: length for name, length in lengths.items() if length < LENGTH}
    data = write_split(tmp_path / "short/test.h5", short)
    rollout(model, data, asked, tmp_path / "short/rollout.h5")
    found = evaluate(tmp_path / "short/rollout.h5", data, model, asked, tmp_path / "weights", tmp_path / "short/metrics.json")
    assert found["unavailable"][FVD] == "needs two windows of 16 frames at least"
