"""Training on from folded weights: the network begins where the earlier training ended."""

import torch

from densepose_cache.iuv_network.model import fold, is_conv_norm
from densepose_cache.iuv_network.training.unfold import unfolded
from densepose_cache.iuv_network.weights import load_weights

MAPS = ("silhouette", "parts", "uv")


@torch.no_grad()
def test_it_computes_the_same_and_has_the_statistics_of_the_pictures():
    torch.manual_seed(0)
    folded, images = load_weights(), [torch.randn(6, 3, 64, 64) for _ in range(3)]
    network = unfolded(folded, images)
    wanted, again = folded(images[0]), fold(unfolded(folded, images))(images[0])
    for same in (network.eval()(images[0]), again):
        for name in MAPS:
            torch.testing.assert_close(getattr(same, name), getattr(wanted, name), rtol=1e-3, atol=1e-3)
    learning = network.train()(images[0])
    for name in MAPS:
        assert (getattr(learning, name) - getattr(wanted, name)).abs().mean() < 0.1 * getattr(wanted, name).abs().mean()
    assert not any(layer._forward_hooks for layer in folded.modules())


def test_every_norm_is_found():
    network = unfolded(load_weights(), [torch.randn(2, 3, 32, 32)])
    norms = sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in network.modules())
    assert sum(is_conv_norm(layer) for layer in network.modules()) == norms > 10
