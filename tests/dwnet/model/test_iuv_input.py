import numpy as np
import pytest
import torch

from dwnet.config import ModelSettings
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.generator import Generator
from dwnet.model.iuv_input import COUNTS, iuv_channels, parts
from dwnet.model.prepared import Prepared
from dwnet.training.data import scaled


@pytest.fixture
def maps() -> np.ndarray:
    """(2, 32, 48, 3) uint8 with every part and every U and V."""
    random = np.random.default_rng(0)
    iuv = random.integers(0, 256, (2, 32, 48, 3), np.uint8)
    iuv[..., 0] = np.arange(2 * 32 * 48).reshape(2, 32, 48) % 25
    return iuv


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_parts_come_back_from_scaled_maps(maps, kind):
    found = parts(scaled(torch.from_numpy(maps)).to(kind))
    assert np.array_equal(found.numpy(), maps[..., 0])


def test_one_hot_is_a_channel_for_each_part_then_u_and_v(maps):
    iuv = scaled(torch.from_numpy(maps))
    seen = iuv_channels(iuv, "one_hot")
    assert seen.shape == (2, 27, 32, 48) and seen.dtype == torch.float32 and COUNTS == {"channels": 3, "one_hot": 27}
    for part in range(25):
        assert np.array_equal(seen[:, part].numpy(), maps[..., 0] == part)
    assert torch.equal(seen[:, 25:], iuv[:, 1:])
    assert iuv_channels(iuv, "channels") is iuv


def test_all_networks_see_the_parts_one_hot(maps):
    """Their first layers have a weight for each part; the images' channels come after."""
    settings = ModelSettings(ngf=4, blocks=0, refine_blocks=0, ndf=4, iuv_input="one_hot", visibility=True)
    generator, discriminator = Generator(settings), MultiscaleDiscriminator(settings)
    inputs = {layer.weight.shape[1] for layer in (generator.pose.first, generator.appearance.first)}
    assert inputs == {27, 3} and generator.refine.encoder.first.weight.shape[1] == 27 + 3 + 2 + 1
    assert {part.layers[0].weight.shape[1] for part in discriminator.critics} == {30}
    iuv = scaled(torch.from_numpy(maps))
    image, grid, mask = torch.zeros_like(iuv), torch.zeros(2, 32, 48, 2), torch.ones(2, 32, 48, dtype=torch.bool)
    frame = generator(iuv, image, image, grid, grid, Prepared(source_visible=mask, previous_visible=mask)).frame
    sum(scale[-1].sum() for scale in discriminator(iuv, frame)).backward()
    for first in (generator.pose.first, discriminator.critics[-1].layers[0]):
        assert (first.weight.grad.abs().sum((0, 2, 3)) > 0).all()
