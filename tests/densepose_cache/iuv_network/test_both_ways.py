"""The network on a picture and its mirror image."""

import numpy as np
import pytest
import torch

from densepose_cache.iuv_network.both_ways import both_ways, mirrored
from densepose_cache.iuv_network.flips import mirror
from densepose_cache.iuv_network.framing import Crop
from densepose_cache.iuv_network.model import PredictedMaps
from densepose_cache.iuv_network.paint import paint


@pytest.fixture
def maps() -> PredictedMaps:
    torch.manual_seed(0)
    return PredictedMaps(torch.randn(2, 8, 6), torch.randn(2, 24, 8, 6), torch.rand(2, 48, 4, 3))


def test_a_mirrored_map_is_drawn_as_the_mirrored_drawing(maps):
    crops = [Crop(0, 0, 12, 16, (16, 12))] * 2
    straight, turned = paint(maps, crops, 16, 12).astype(int), paint(mirrored(maps), crops, 16, 12).astype(int)
    wanted = mirror(straight.astype(np.uint8)).astype(int)
    assert (turned[..., 0] == wanted[..., 0]).all() and (turned[..., 0] > 0).any()
    assert np.abs(turned - wanted)[wanted[..., 0] > 0].max() <= 1


def test_a_picture_and_its_mirror_image_count_alike(maps):
    def network(images: torch.Tensor) -> PredictedMaps:
        return PredictedMaps(maps.silhouette * images[:, 0].mean(), maps.parts + images[:, 0, :1, :1, None].mean(), maps.uv)

    images = torch.rand(2, 3, 16, 12)
    once, turned = both_ways(network, images), mirrored(both_ways(network, images.flip(3)))
    for name in ("silhouette", "parts", "uv"):
        torch.testing.assert_close(getattr(once, name), getattr(turned, name))
    torch.testing.assert_close(mirrored(mirrored(maps)).uv, maps.uv)
