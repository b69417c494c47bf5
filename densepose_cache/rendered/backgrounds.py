"""Procedural backgrounds: studios, rooms, landscapes and clutter, (S, S, 3) uint8."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from scipy.fft import irfft2

from .figure.textures import colour, smooth_noise
from .scene import paint_background

SIZE = 256
KINDS = {"studio": 0.24, "room": 0.2, "landscape": 0.24, "clutter": 0.32}


def draw_background(rng: np.random.Generator) -> np.ndarray:
    """A new background of any kind."""
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    return {"studio": studio, "room": room, "landscape": landscape, "clutter": clutter}[kind](rng)


def draw_backgrounds(count: int, seed: int) -> np.ndarray:
    """`count` backgrounds (count, S, S, 3) uint8; the same numbers give the same pictures."""
    return np.stack([draw_background(np.random.default_rng([seed, number])) for number in range(count)])


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """(S, S, 3) floats in 0..1, cut to that range, as uint8."""
    return np.uint8(np.clip(picture, 0, 1) * 255)


def fractal(rng: np.random.Generator, slope: float) -> np.ndarray:
    """Noise (S, S) float32 of mean 0 and deviation 1 whose amplitude falls with frequency to the power `slope`, as in photographs for 1."""
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None] * rng.uniform(0.5, 2), np.fft.rfftfreq(SIZE)[None])
    frequency[0, 0] = np.inf
    wave = rng.standard_normal((2, *frequency.shape), np.float32) * (frequency**-slope).astype(np.float32)
    noise = irfft2(wave[0] + 1j * wave[1], (SIZE, SIZE))
    return noise / noise.std()


def studio(rng: np.random.Generator) -> np.ndarray:
    """White or one colour, with a soft fall-off of light and perhaps a floor."""
    shade = rng.uniform(0.85, 1.0) * np.ones(3) if rng.random() < 0.7 else colour(rng, (0, 0.7), (0.1, 0.95))
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    light = 1 - rng.uniform(0, 0.25) * ((x - rng.uniform(0, 1)) ** 2 + (y - rng.uniform(0, 1)) ** 2)
    picture = shade * light[..., None]
    if rng.random() < 0.4:
        edge = np.clip((y - rng.uniform(0.6, 0.98)) * rng.choice([4, 20, 200]), 0, 1)[..., None]
        picture = picture * (1 - edge * rng.uniform(0, 0.25))
    return to_bytes(picture)


def room(rng: np.random.Generator) -> np.ndarray:
    """A room of the embedded data set with a textured wall, blurred now and then."""
    picture = paint_background("room", SIZE, rng.uniform(0.55, 0.95) * SIZE, rng)
    picture = picture * (1 + rng.uniform(0, 0.15) * fractal(rng, rng.uniform(0.3, 1.2))[..., None])
    return np.asarray(Image.fromarray(to_bytes(picture)).filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 1.5)))))


def landscape(rng: np.random.Generator) -> np.ndarray:
    """Sky, foliage, walls and ground of noise, in layers with wavy rims, as behind people outdoors."""
    y = (np.mgrid[:SIZE, :SIZE][0] + 0.5) / SIZE
    top, low = colour(rng, (0, 0.5), (0.5, 1)), colour(rng, (0, 0.3), (0.6, 1))
    picture = top * (1 - y[..., None]) + low * y[..., None]
    for height in np.sort(rng.uniform(0.05, 0.95, rng.integers(2, 6))):
        rim = height + rng.uniform(0, 0.08) * fractal(rng, 1.5)[0] + rng.uniform(0, 0.06) * fractal(rng, 0.9)
        first, second = colour(rng, (0, 0.7), (0.1, 0.8)), colour(rng, (0, 0.7), (0.1, 0.9))
        grain = np.clip(0.5 + rng.uniform(0.1, 0.5) * fractal(rng, rng.uniform(0.2, 1.6)), 0, 1)[..., None]
        picture = np.where((y > rim)[..., None], first * grain + second * (1 - grain), picture)
    return to_bytes(picture)


def clutter(rng: np.random.Generator) -> np.ndarray:
    """Dozens of shapes, poles, stripes and letters over coloured noise, partly blurred."""
    base = colour(rng, (0, 0.6), (0.2, 1)) + rng.uniform(0, 0.25) * np.stack([fractal(rng, rng.uniform(0.6, 1.6)) for _ in range(3)], -1)
    image = Image.fromarray(to_bytes(base))
    for _ in range(rng.integers(2, 40)):
        draw_shape(ImageDraw.Draw(image), rng)
    image = image.filter(ImageFilter.GaussianBlur(float(rng.choice([0, 0, 1, 3]) * rng.random())))
    picture = np.asarray(image, np.float64) / 255
    if rng.random() < 0.5:
        picture = picture * (1 + rng.uniform(0, 0.2) * fractal(rng, rng.uniform(0.2, 1.5))[..., None])
    if rng.random() < 0.3:
        picture = picture * (1 + 0.3 * smooth_noise(rng, SIZE, (rng.uniform(0.5, 20), rng.uniform(0.5, 20)))[..., None])
    return to_bytes(picture)


def draw_shape(draw: ImageDraw.ImageDraw, rng: np.random.Generator):
    """One shape of any size, shape and colour."""
    fill = tuple(int(255 * channel) for channel in colour(rng, (0, 0.8), (0.05, 1)))
    x, y = rng.uniform(-30, SIZE, 2)
    width, height = SIZE * 2 ** rng.uniform(-5, -0.7, 2)
    box = (x, y, x + width, y + height)
    kind = rng.integers(6)
    if kind == 0:
        draw.ellipse(box, fill=fill)
    elif kind == 1:
        draw.rounded_rectangle((x, y, x + 0.3 * width, y + 1.5 * height), radius=0.1 * width, fill=fill)
    elif kind == 2:
        draw.polygon([tuple(point) for point in rng.uniform((x, y), (x + 2 * width, y + 2 * height), (4, 2))], fill=fill)
    elif kind == 3:
        draw.line((x, y, *rng.uniform(0, SIZE, 2)), fill=fill, width=int(rng.integers(1, 14)))
    elif kind == 4:
        letters = "".join(rng.choice(list("ABEHKMNRSTX23589"), rng.integers(1, 7)))
        draw.text((x, y), letters, fill=fill, font=ImageFont.load_default(float(rng.uniform(8, 60))))
    else:
        for step in range(int(rng.integers(3, 12))):
            draw.rectangle((x + step * width / 4, y, x + (step + 0.5) * width / 4, y + height), fill=fill)
