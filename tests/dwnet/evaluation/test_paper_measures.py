"""The paper's metrics through the whole evaluation, with random weights in place of the published ones."""

import json

import numpy as np
import pytest
import torch
import torchvision
from people import SIZE
from small_cache import write_split
from tiny_model import save_tiny_model
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from densepose_cache.cache.reader import SplitReader
from dwnet.config import EvaluateSettings
from dwnet.evaluation.evaluate import evaluate
from dwnet.evaluation.keypoints.keypoint_rcnn import KeypointRcnn
from dwnet.evaluation.metrics import suite
from dwnet.inference.rollout import network_input, rollout
from dwnet.inference.rollout_file import RolloutReader
from dwnet.model import perceptual
from dwnet.model.perceptual import Vgg19Features

NAMES = {"l1", "l1_body", "psnr", "ssim", "lpips_alex", "perceptual_vgg19", "fid", "akd_keypointrcnn", "mkr_keypointrcnn"}
NAMES |= {"akd_l2_keypointrcnn", "warp_error", "tlp_alex", "tlp_vgg19"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weight files by name."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    torch.save({}, folder / "empty.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        inception = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(folder / "empty.pth"))
    alexnet = torchvision.models.AlexNet().features.state_dict()
    vgg = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["E"]).state_dict()
    states = {
        "inception": inception.state_dict(),
        "alexnet": {f"features.{name}": value for name, value in alexnet.items()},
        "vgg19": {f"features.{name}": value for name, value in vgg.items()},
        "keypointrcnn": torchvision.models.detection.keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None).state_dict(),
    }
    for name, state in states.items():
        torch.save(state, folder / f"{name}.pth")
    return folder


def joints_by_colour(self, frame):
    """Stand in for the network's own joints, which mean nothing with random weights: one person, from the frame's middle to its brightest
    place."""
    joints = np.zeros((1, 17, 3), np.float32)
    row, column = np.unravel_index(frame.sum(-1, dtype=int).argmax(), frame.shape[:2])
    joints[0, :2] = [column, row, 1], [frame.shape[1] // 2, frame.shape[0] // 2, 1]
    return joints


def test_every_metric_of_the_paper_is_reported(weights, tmp_path, monkeypatch):
    for module in (suite, perceptual):
        monkeypatch.setattr(module, "find_weights", lambda name, folder, override=None: folder / f"{name}.pth", raising=False)
    monkeypatch.setattr("densepose_cache.storage.weights.find_weights", lambda name, folder, override=None: folder / f"{name}.pth")
    monkeypatch.setattr(KeypointRcnn, "detect", joints_by_colour)
    data, model = write_split(tmp_path / "test.h5", {"a": 3}, keypoints=True), save_tiny_model(tmp_path / "model.safetensors")
    rollout(model, data, EvaluateSettings(), tmp_path / "rollout.h5")
    evaluate(tmp_path / "rollout.h5", data, model, EvaluateSettings(features="paper"), weights, tmp_path / "metrics.json")
    summary = json.loads((tmp_path / "metrics.json").read_text())
    assert set(summary["metrics"]) == NAMES and all(set(values) == NAMES for values in summary["baselines"].values())
    assert summary["unavailable"] == {}
    assert set(summary["extractors"]) == {"vgg19", "inception", "alexnet", "keypointrcnn"}
    assert summary["metrics"]["fid"]["dimensions"] == 2048 and summary["metrics"]["fid"]["real_frames"] == 3
    with SplitReader(data) as reader:
        pairs = [joints_by_colour(None, reader.frames("a", t))[0, :2, :2] - reader.keypoints("a")[t, :2, :2] for t in range(3)]
    error = summary["exact_keypoints"]["detector_error"]
    assert error == {"value": pytest.approx(np.linalg.norm(pairs, axis=-1).mean() * 256 / SIZE), "frames": 3, "clips": 1}
    network = Vgg19Features(torch.load(weights / "vgg19.pth", weights_only=True))
    with RolloutReader(tmp_path / "rollout.h5") as generated, SplitReader(data) as reader, torch.no_grad():
        real = [network.taps(network_input([reader.frames("a", t)], "cpu")) for t in range(3)]
        found = [network.taps(network_input(list(generated.frames("a", slice(t, t + 1))), "cpu")) for t in range(3)]
    expected = np.mean([float(network.distance(a, b)) for a, b in zip(found, real, strict=True)])
    assert summary["metrics"]["perceptual_vgg19"]["value"] == pytest.approx(expected, rel=1e-4)
