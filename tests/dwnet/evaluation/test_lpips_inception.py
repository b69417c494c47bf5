"""LPIPS and Inception load local weight files and agree with the libraries' own objects."""

import lpips
import numpy as np
import pytest
import torch
import torchvision
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from densepose_cache.core.errors import InputError
from dwnet.evaluation.networks.inception import InceptionFeatures
from dwnet.evaluation.networks.lpips_alex import LpipsAlex


def images(count=2, size=64):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, size, size), generator=generator).float() / 255


def test_lpips_equals_the_package_with_the_same_backbone(tmp_path):
    torch.manual_seed(0)
    alexnet = torchvision.models.alexnet(weights=None)
    torch.save(alexnet.state_dict(), tmp_path / "alexnet.pth")
    real, other = images(), images().flip(3)
    reference = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    layers = [layer for part in list(reference.net.children()) for layer in part if isinstance(layer, torch.nn.Conv2d)]
    theirs = [layer for layer in alexnet.features if isinstance(layer, torch.nn.Conv2d)]
    for target, source in zip(layers, theirs, strict=True):
        target.load_state_dict(source.state_dict())
    with torch.no_grad():
        expected = reference(2 * real - 1, 2 * other - 1).reshape(-1)
    measured = LpipsAlex(tmp_path / "alexnet.pth")
    np.testing.assert_allclose(measured(real, other).numpy(), expected.numpy(), rtol=1e-4)
    assert float(measured(real, other).min()) > 0
    assert measured(real, real).abs().max() == 0


def test_lpips_refuses_other_weights(tmp_path):
    path = tmp_path / "vgg.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}, path)
    with pytest.raises(InputError, match=r"vgg\.pth: no weights of torchvision's alexnet"):
        LpipsAlex(path)


def test_inception_features_equal_the_library(tmp_path, monkeypatch):
    torch.manual_seed(0)
    path = tmp_path / "inception.pth"
    monkeypatch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
    torch.save({}, path)
    network = FeatureExtractorInceptionV3("inception", ["2048"], feature_extractor_weights_path=str(path))
    monkeypatch.undo()
    torch.save(network.state_dict(), path)
    frames = images()
    features = InceptionFeatures(path).pooled(frames)
    expected = network((frames * 255).round().byte())[0].numpy()
    assert features.shape == (2, 2048)
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6)


def test_inception_refuses_other_weights(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(2, 2)}, path)
    with pytest.raises(InputError, match=r"other\.pth: no weights of torch-fidelity"):
        InceptionFeatures(path)
