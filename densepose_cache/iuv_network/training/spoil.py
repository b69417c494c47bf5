"""What cameras and video do to a picture: light, colour, blur, scaling, compression and noise."""

import io

import numpy as np
from PIL import Image, ImageFilter


def spoil(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A spoiled copy (H, W, 3) uint8 of `picture` (H, W, 3) float32 in 0..255."""
    image = Image.fromarray(np.uint8(np.clip(light(picture, rng), 0, 255)))
    if rng.random() < 0.4:
        share = rng.uniform(0.35, 0.95)
        small = (max(8, round(image.width * share)), max(8, round(image.height * share)))
        kind = Image.Resampling.BILINEAR if rng.random() < 0.6 else Image.Resampling.BICUBIC
        image = image.resize(small, Image.Resampling.BILINEAR).resize(image.size, kind)
    if rng.random() < 0.15:
        image = blur(image, rng)
    if rng.random() < 0.12:
        image = image.filter(ImageFilter.UnsharpMask(1.5, int(rng.uniform(50, 200)), 0))
    if rng.random() < 0.3:
        image = compress(image, rng)
    out = np.asarray(image)
    if rng.random() < 0.2:
        noisy = out + rng.standard_normal(out.shape, np.float32) * np.float32(rng.uniform(1, 12))
        out = np.uint8(np.clip(noisy, 0, 255))
    return out


def light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Contrast, brightness, gamma, colour temperature and saturation, each a little."""
    out = picture
    if rng.random() < 0.6:
        middle = out.mean()
        out = (out - middle) * np.float32(rng.uniform(0.6, 1.35)) + np.float32(middle + rng.uniform(-35, 35))
    if rng.random() < 0.4:
        out = out * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    if rng.random() < 0.3:
        grey = out.mean(2, keepdims=True)
        out = grey + (out - grey) * np.float32(rng.uniform(0, 1.5))
    if rng.random() < 0.4:
        out = 255 * np.clip(out / 255, 0, 1) ** np.float32(rng.uniform(0.7, 1.45))
    return out


def blur(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Out of focus, or moved along a line."""
    if rng.random() < 0.6:
        return image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.5)))
    kernel, slope = np.zeros((5, 5)), rng.uniform(-1, 1)
    for step in range(-2, 3):
        kernel[2 + round(slope * step), 2 + step] = 1
    kernel = kernel if rng.random() < 0.7 else kernel.T
    return image.filter(ImageFilter.Kernel((5, 5), kernel.ravel().tolist(), kernel.sum()))


def compress(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Through JPEG, down to poor quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(rng.integers(20, 92)))
    return Image.open(buffer).convert("RGB")
