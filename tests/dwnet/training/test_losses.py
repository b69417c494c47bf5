import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dwnet.config import LossSettings, ModelSettings
from dwnet.model.discriminator import MultiscaleDiscriminator
from dwnet.model.official import state_dict
from dwnet.model.perceptual import Vgg19Features
from dwnet.training import losses
from dwnet.training.data import scaled


@torch.inference_mode()
def test_losses_reproduce_the_official_values(reference):
    arrays = reference("official_losses")
    discriminator = state_dict.load_discriminator(arrays.weights)
    iuv = arrays.iuv("driving_iuv_rgb_order")
    fake, real = discriminator(iuv, arrays.tensor("fake")), discriminator(iuv, arrays.image("real_rgb"))
    found = {
        "loss_D_fake": losses.scores_off(fake, 0.0),
        "loss_D_real": losses.scores_off(real, 1.0),
        "loss_G_GAN": losses.adversarial(fake),
        "loss_G_GAN_Feat": 10 * losses.feature_matching(fake, real),
    }
    errors = {name: abs(float(value) / float(arrays[name]) - 1) for name, value in found.items()}
    print(errors)
    assert max(errors.values()) <= 1e-4, errors
    assert float(losses.discriminator_losses(fake, real)["critic_real"]) == float(found["loss_D_real"])


def test_discriminator_features_are_ordered_small_scale_first():
    discriminator = MultiscaleDiscriminator(ModelSettings(ndf=4, critic_scales=2, critic_layers=2))
    features = discriminator(torch.zeros(2, 3, 64, 64), torch.zeros(2, 3, 64, 64))
    assert [[tuple(layer.shape[1:]) for layer in scale] for scale in features] == [
        [(4, 17, 17), (8, 9, 9), (16, 10, 10), (1, 11, 11)],
        [(4, 33, 33), (8, 17, 17), (16, 18, 18), (1, 19, 19)],
    ]


def test_feature_matching_moves_the_generated_frame_only():
    fake = [[torch.ones(1, 2, 3, 3, requires_grad=True), torch.ones(1, 1, 3, 3, requires_grad=True)]]
    real = [[torch.zeros(1, 2, 3, 3, requires_grad=True), torch.zeros(1, 1, 3, 3, requires_grad=True)]]
    losses.feature_matching(fake, real).backward()
    assert fake[0][0].grad is not None and fake[0][1].grad is None and real[0][0].grad is None


class _PlainVgg:
    """VGG-19 up to relu5_1 written out layer by layer from its table, apart from the code under test."""

    LAYERS = ("64", "tap", "64", "pool", "128", "tap", "128", "pool", "256", "tap", "256", "256", "256", "pool")
    LAYERS += ("512", "tap", "512", "512", "512", "pool", "512", "tap")

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.weights, channels, index = {}, 3, 0
        for layer in self.LAYERS:
            if layer.isdigit():
                width = int(layer)
                self.weights[f"features.{index}.weight"] = (
                    torch.randn(width, channels, 3, 3, generator=generator) / (9 * channels / 2) ** 0.5
                )
                self.weights[f"features.{index}.bias"] = torch.randn(width, generator=generator) * 0.1
                channels, index = width, index + 2
            elif layer == "pool":
                index += 1

    def taps(self, x):
        index, found = 0, []
        for layer in self.LAYERS:
            if layer.isdigit():
                x = nn.functional.conv2d(x, self.weights[f"features.{index}.weight"], self.weights[f"features.{index}.bias"], padding=1)
                x, index = x.clamp_min(0), index + 2
            elif layer == "pool":
                x, index = F.max_pool2d(x, 2, 2), index + 1
            else:
                found.append(x)
        return found

    def distance(self, a, b):
        weights = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1]
        return sum(w * (p - q).abs().mean() for w, p, q in zip(weights, self.taps(a), self.taps(b), strict=True))


@pytest.fixture(scope="module")
def plain():
    return _PlainVgg()


@torch.inference_mode()
def test_the_vgg_loss_agrees_with_an_independent_computation(plain):
    a, b = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    features = Vgg19Features(plain.weights)
    found = features.distance(features.taps(a), features.taps(b))
    torch.testing.assert_close(found, plain.distance(a, b), rtol=1e-5, atol=0)


def _sampled(image, grid):
    """Bilinear sampling with aligned corners and a border that repeats, pixel by pixel."""
    height, width = image.shape[2:]
    result = torch.empty(*image.shape[:2], *grid.shape[1:3])
    for b in range(grid.shape[0]):
        for i in range(grid.shape[1]):
            for j in range(grid.shape[2]):
                x = float(((grid[b, i, j, 0] + 1) / 2 * (width - 1)).clamp(0, width - 1))
                y = float(((grid[b, i, j, 1] + 1) / 2 * (height - 1)).clamp(0, height - 1))
                x0, y0 = min(int(x), width - 2), min(int(y), height - 2)
                dx, dy = x - x0, y - y0
                patch = image[b, :, y0 : y0 + 2, x0 : x0 + 2]
                top, bottom = (patch[:, k, 0] * (1 - dx) + patch[:, k, 1] * dx for k in (0, 1))
                result[b, :, i, j] = top * (1 - dy) + bottom * dy
    return result


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(64, 64), (72, 100)])
def test_the_warp_loss_agrees_with_an_independent_computation(plain, height, width):
    random = torch.Generator().manual_seed(2)
    source, previous, real = torch.rand(3, 2, 3, height, width, generator=random) * 2 - 1
    grids = torch.rand(2, 2, height // 4, width // 4, 2, generator=random) * 2.4 - 1.2
    found = losses.warp_loss(Vgg19Features(plain.weights), source, previous, real, *grids, "border")
    # A quarter of the size without aligned corners: every small pixel lies in the middle of the four pixels 4i + 1, 4i + 2.
    small = [sum(image[:, :, r::4, c::4] for r in (1, 2) for c in (1, 2)) / 4 for image in (source, previous, real)]
    wanted = sum(plain.distance(_sampled(image, grid), small[2]) for image, grid in zip(small[:2], grids, strict=True))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=0)


PIXELS = {"l1": 0.5, "l1_coarse": 2.0, "l1_body": 3.0, "l1_head": 0.1}


def _pixel_losses(fake: torch.Tensor, real: torch.Tensor, iuv: torch.Tensor, **weights: float) -> dict[str, torch.Tensor]:
    """The losses of a whole batch."""
    chosen = LossSettings(**weights)
    counts = {name: inside.sum().float() for name, inside in losses.masks(chosen, iuv).items()}
    return losses.pixel_losses(chosen, fake, real, iuv, counts)


def _pixels(height: int, width: int, most: int = 25) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Frames (2, 3, height, width) and maps (2, height, width, 3) uint8 with parts below `most`; the second map shows less of a body."""
    random = np.random.default_rng(height)
    fake, real = torch.from_numpy(random.uniform(-1, 1, (2, 2, 3, height, width)).astype(np.float32))
    maps = random.integers(0, 256, (2, height, width, 3), np.uint8)
    maps[..., 0] = random.integers(0, most, maps.shape[:3])
    maps[1, : height // 2, :, 0] = 0
    return fake, real, maps


@pytest.mark.parametrize(("height", "width"), [(64, 64), (36, 132)])
def test_the_pixel_losses_agree_with_an_independent_computation(height, width):
    fake, real, maps = _pixels(height, width)
    found = _pixel_losses(fake, real, scaled(torch.from_numpy(maps)), **PIXELS)
    off = (fake.double() - real.double()).numpy()

    def means(side: int) -> np.ndarray:
        return off.reshape(2, 3, height // side, side, width // side, side).mean((3, 5))

    part = np.broadcast_to(maps[..., 0][:, None], off.shape)
    wanted = {
        "l1": np.abs(off).mean(),
        "l1_coarse": np.abs(means(2)).mean() + np.abs(means(4)).mean() / 2,
        "l1_body": np.abs(off[part > 0]).mean(),
        "l1_head": np.abs(off[(part == 23) | (part == 24)]).mean(),
    }
    assert list(found) == list(PIXELS)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("name", PIXELS)
def test_a_pixel_loss_without_a_weight_is_not_computed(name):
    fake, real, maps = _pixels(32, 32)
    iuv = scaled(torch.from_numpy(maps))
    assert list(_pixel_losses(fake, real, iuv, **{name: 1.0})) == [name]
    assert name not in _pixel_losses(fake, real, iuv, **PIXELS | {name: 0.0})


def test_maps_without_a_head_or_without_a_body_cost_nothing_there():
    fake, real, maps = _pixels(32, 32, most=23)
    fake.requires_grad_()
    found = _pixel_losses(fake, real, scaled(torch.from_numpy(maps)), **PIXELS)
    assert found["l1_head"] == 0 and found["l1_body"] > 0
    found = _pixel_losses(fake, real, scaled(torch.zeros(2, 32, 32, 3, dtype=torch.uint8)), **PIXELS)
    assert found["l1_head"] == found["l1_body"] == 0
    sum(found.values()).backward()
    assert fake.grad.isfinite().all()


def test_the_loss_of_the_body_moves_the_body_alone():
    fake, real, maps = _pixels(32, 32)
    fake.requires_grad_()
    _pixel_losses(fake, real, scaled(torch.from_numpy(maps)), l1_body=1.0)["l1_body"].backward()
    assert np.array_equal((fake.grad != 0).all(1).numpy(), maps[..., 0] > 0) and not fake.grad[1, :, :16].any()
