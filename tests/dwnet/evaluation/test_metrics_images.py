"""Image metrics against independent computations."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from dwnet.evaluation.metrics.l1 import l1, l1_body
from dwnet.evaluation.metrics.psnr import psnr
from dwnet.evaluation.metrics.ssim import ssim


def frames(seed=0, count=3, size=48):
    """Smooth random pictures (B, 3, H, W) in [0, 1] on the 8-bit lattice, and a noisy copy."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((count, 3, 6, 6)))
    real = (torch.nn.functional.interpolate(coarse, size=size, mode="bilinear") * 255).round()
    noisy = (real + torch.from_numpy(rng.normal(0, 12, real.shape))).round().clamp(0, 255)
    return real.float() / 255, noisy.float() / 255


def picture(frame):
    return (frame.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)


def test_l1_equals_numpy():
    real, other = frames()
    expected = [np.abs(picture(a).astype(float) - picture(b)).mean() / 255 for a, b in zip(real, other, strict=True)]
    np.testing.assert_allclose(l1(real, other).numpy(), expected, rtol=1e-5)


def test_l1_body_counts_body_pixels_only():
    real, other = frames()
    body = torch.zeros(3, 48, 48, dtype=torch.bool)
    body[0, 5:9, 7:30] = True
    body[1] = True
    value = l1_body(real, other, body)
    expected = np.abs(picture(real[0])[5:9, 7:30].astype(float) - picture(other[0])[5:9, 7:30]).mean() / 255
    assert float(value[0]) == pytest.approx(expected, rel=1e-5)
    assert float(value[1]) == pytest.approx(float(l1(real, other)[1]))
    assert torch.isnan(value[2]), "a frame without a body has no value"


def test_psnr_equals_scikit_image():
    real, other = frames()
    expected = [peak_signal_noise_ratio(picture(a), picture(b)) for a, b in zip(real, other, strict=True)]
    np.testing.assert_allclose(psnr(real, other).numpy(), expected, rtol=1e-5)


def test_psnr_is_not_computed_in_bytes():
    dark, light = torch.full((1, 3, 8, 8), 10 / 255), torch.full((1, 3, 8, 8), 20 / 255)
    assert float(psnr(dark, light)) == pytest.approx(float(psnr(light, dark))) == pytest.approx(20 * np.log10(255 / 10), rel=1e-5)


def test_psnr_of_equal_frames_is_bounded():
    real, _ = frames()
    np.testing.assert_allclose(psnr(real, real).numpy(), 10 * np.log10(12 * 255**2))


def test_ssim_equals_scikit_image():
    real, other = frames()
    expected = [
        structural_similarity(
            picture(a), picture(b), channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        for a, b in zip(real, other, strict=True)
    ]
    np.testing.assert_allclose(ssim(real, other).numpy(), expected, atol=1e-6)
    np.testing.assert_allclose(ssim(real, real).numpy(), 1, atol=1e-9)
