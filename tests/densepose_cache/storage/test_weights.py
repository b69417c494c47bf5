import hashlib
from dataclasses import replace

import pytest

from densepose_cache.core.errors import InputError
from densepose_cache.storage import weights as module
from densepose_cache.storage.weights import WEIGHTS, fetch_weights, find_weights

DATA = b"numbers" * 1000


@pytest.fixture
def served(web, monkeypatch):
    """The table, with files that the local server has."""
    web.files["/w.pth"] = DATA
    facts = {"url": f"{web.url}/w.pth", "sha256": hashlib.sha256(DATA).hexdigest(), "size": len(DATA)}
    monkeypatch.setattr(module, "WEIGHTS", {name: replace(weights, **facts) for name, weights in WEIGHTS.items()})
    return web


def test_the_table_is_whole():
    assert set(WEIGHTS) == {"vgg19", "inception", "alexnet", "keypointrcnn", "i3d", "densepose_rcnn_R_50_FPN_s1x"}
    for weights in WEIGHTS.values():
        assert len(weights.sha256) == 64 and int(weights.sha256, 16)
        if weights.package:
            assert weights.file in weights.url and weights.package.member.endswith(weights.file)
            continue
        assert weights.url.startswith("https://") and weights.url.endswith(weights.file)
        stem = weights.file.rpartition(".")[0]
        if weights.file.endswith(".pth"):
            assert weights.sha256.startswith(stem.rpartition("-")[2]), "the publisher's name carries the first digits"


def test_urls_are_those_of_the_installed_packages():
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
    from torchvision.models import AlexNet_Weights, VGG19_Weights
    from torchvision.models.detection import KeypointRCNN_ResNet50_FPN_Weights

    assert WEIGHTS["vgg19"].url == VGG19_Weights.IMAGENET1K_V1.url
    assert WEIGHTS["alexnet"].url == AlexNet_Weights.IMAGENET1K_V1.url
    assert WEIGHTS["keypointrcnn"].url == KeypointRCNN_ResNet50_FPN_Weights.COCO_V1.url
    assert WEIGHTS["inception"].url == URL_INCEPTION_V3


def test_fetched_weights_are_found(served, tmp_path):
    path = fetch_weights("vgg19", tmp_path / "weights")
    assert path == find_weights("vgg19", tmp_path / "weights") == tmp_path / "weights/vgg19-dcbb9e9d.pth"
    assert path.read_bytes() == DATA
    assert fetch_weights("vgg19", tmp_path / "weights") == path and len(served.requests) == 1


def test_missing_weights_come_with_the_ways_to_get_them(tmp_path):
    with pytest.raises(InputError) as error:
        find_weights("vgg19", tmp_path)
    for text in (
        str(tmp_path / "vgg19-dcbb9e9d.pth"),
        "fetch --weights vgg19 --out",
        WEIGHTS["vgg19"].url,
        "path in the configuration",
    ):
        assert text in str(error.value)


def test_another_file_is_refused(served, tmp_path):
    (tmp_path / "vgg19-dcbb9e9d.pth").write_bytes(DATA[:-1])
    with pytest.raises(InputError, match=r"vgg19-dcbb9e9d\.pth: is not the published file of vgg19: SHA-256"):
        find_weights("vgg19", tmp_path)
    with pytest.raises(InputError, match="is not the published file"):
        fetch_weights("vgg19", tmp_path)
    served.files["/w.pth"] = b"<html>"
    with pytest.raises(InputError, match=r"Ways to get the weights alexnet"):
        fetch_weights("alexnet", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_path_wins(served, tmp_path):
    (tmp_path / "mine.pth").write_bytes(DATA)
    assert find_weights("vgg19", tmp_path / "none", str(tmp_path / "mine.pth")) == tmp_path / "mine.pth"
    with pytest.raises(InputError, match=r"other\.pth: the weights vgg19"):
        find_weights("vgg19", tmp_path, str(tmp_path / "other.pth"))


def test_metrics_take_only_the_published_weights_and_densepose_any(served, tmp_path):
    (tmp_path / "mine.pth").write_bytes(b"my own")
    with pytest.raises(InputError, match=r"mine\.pth: is not the published file of inception"):
        find_weights("inception", tmp_path, str(tmp_path / "mine.pth"))
    assert find_weights("densepose_rcnn_R_50_FPN_s1x", tmp_path, str(tmp_path / "mine.pth")) == tmp_path / "mine.pth"


def test_unknown_names(tmp_path):
    for function in (find_weights, fetch_weights):
        with pytest.raises(InputError, match="no weights are published under the name 'resnet'; known: vgg19"):
            function("resnet", tmp_path)


def test_a_broken_download_names_the_ways(served, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WEIGHTS", {"vgg19": replace(WEIGHTS["vgg19"], url="http://127.0.0.1:9/vgg19-dcbb9e9d.pth")})
    monkeypatch.setattr("densepose_cache.storage.download.BLIND_ATTEMPTS", 1)
    with pytest.raises(InputError, match=r"cannot be reached.*Ways to get the weights vgg19: .*by hand to .*vgg19-dcbb9e9d\.pth"):
        fetch_weights("vgg19", tmp_path)
