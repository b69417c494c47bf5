"""Repeating textures: prints of clothes, skin with a painted face, eyes, hair, wrinkles, and backgrounds.

A texture is a (S, S, 3) float32 array in 0..1 that tiles without a seam; row 0 is the bottom of the tile.
"""

import colorsys
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = 256
PRINTS = ("plain", "stripes", "bars", "check", "dots", "flowers", "melange", "houndstooth", "logo", "block")
TILE = {"plain": 0.5, "melange": 0.35, "logo": 0.9, "block": 0.9}
SKIN = np.array([[0.96, 0.80, 0.70], [0.88, 0.68, 0.55], [0.76, 0.55, 0.42], [0.55, 0.38, 0.28], [0.40, 0.27, 0.20], [0.93, 0.75, 0.60]])
HAIR = np.array([[0.08, 0.06, 0.05], [0.22, 0.14, 0.09], [0.45, 0.30, 0.16], [0.78, 0.62, 0.36], [0.45, 0.43, 0.41], [0.50, 0.20, 0.10]])
FACE_TILE = 0.3
FACE_CENTRE = np.array([0.0, 0.9])
EYE, BROW, MOUTH = (0.033, 0.913), 0.931, 0.841
EYE_TILE = 0.06


def colour(rng: np.random.Generator, saturation=(0.0, 0.85), value=(0.15, 0.98)) -> np.ndarray:
    """A random RGB colour in 0..1."""
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value)))


def two_colours(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two colours that can be told apart."""
    first = colour(rng, saturation=(0.1, 0.85))
    second = colour(rng)
    while np.abs(first - second).sum() < 0.7:
        second = rng.random(3)
    return first, second


def smooth_noise(rng: np.random.Generator, size: int, waves: tuple[float, float]) -> np.ndarray:
    """Tiling noise (size, size) float32, mean 0 and deviation 1, with about `waves` (rows, columns) waves a side."""
    spectrum = np.fft.fft2(rng.normal(size=(size, size)))
    frequency = np.fft.fftfreq(size) * size
    filtered = spectrum * np.exp(-(frequency[:, None] ** 2) / (2 * waves[0] ** 2) - frequency[None] ** 2 / (2 * waves[1] ** 2))
    noise = np.fft.ifft2(filtered).real
    noise -= noise.mean()
    return (noise / noise.std()).astype(np.float32)


@lru_cache(maxsize=1)
def wrinkles() -> np.ndarray:
    """The relief (S, S, 3) of cloth, the same for everyone; the channels are equal."""
    noise = smooth_noise(np.random.default_rng(0), SIZE, (7, 16))
    return np.ascontiguousarray(np.repeat(noise[..., None], 3, 2))


def emblem(rng: np.random.Generator) -> np.ndarray:
    """Mask (96, 96) in 0..1 of something to print on a chest."""
    image = Image.new("L", (96, 96), 0)
    draw = ImageDraw.Draw(image)
    kind = rng.integers(5)
    if kind == 0:
        text = "".join(rng.choice(list("ABDEHKMNRSXZ235789"), 3))
        draw.text((48, 48), text, fill=255, font=ImageFont.load_default(44), anchor="mm")
    elif kind == 1:
        draw.ellipse((14, 14, 82, 82), fill=255)
        draw.ellipse((32, 32, 64, 64), fill=0)
    elif kind == 2:
        spokes = [(48 + r * np.sin(k * np.pi / 5), 48 + r * np.cos(k * np.pi / 5)) for k, r in enumerate([42, 17] * 5)]
        draw.polygon(spokes, fill=255)
    elif kind == 3:
        draw.rectangle((8, 26, 88, 42), fill=255)
        draw.rectangle((8, 54, 88, 70), fill=255)
    else:
        draw.polygon([(48, 10), (86, 80), (10, 80)], fill=255)
    return np.asarray(image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), np.float32) / 255


def mixing(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Share (S, S) in 0..1 of the second colour at each texel of a print of this kind."""
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE
    if kind == "stripes":
        return (y * 4 % 1 < rng.uniform(0.3, 0.6)) * 1.0
    if kind == "bars":
        return (x * 6 % 1 < rng.uniform(0.2, 0.5)) * 1.0
    if kind == "check":
        return 0.5 * (x * 3 % 1 < 0.5) + 0.5 * (y * 3 % 1 < 0.5)
    if kind == "dots":
        row = np.floor(y * 6)
        return ((x * 6 + 0.5 * (row % 2)) % 1 - 0.5) ** 2 + (y * 6 % 1 - 0.5) ** 2 < 0.08
    if kind == "flowers":
        return np.clip((smooth_noise(rng, SIZE, (6, 6)) - 0.4) * 4, 0, 1)
    if kind == "melange":
        return np.clip(0.25 + 0.15 * smooth_noise(rng, SIZE, (30, 30)), 0, 1)
    if kind == "houndstooth":
        a, b = x * 5 % 1, y * 5 % 1
        return ((a < 0.5) & (b < 0.5)) | (((a < 0.5) ^ (b < 0.5)) & ((a + b) * 2 % 1 < 0.5))
    return np.zeros((SIZE, SIZE))


def cloth(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Textures of the trunk and of the limbs of one garment, and the side of their tile in metres."""
    first, second = two_colours(rng)
    blend = np.asarray(mixing(kind, rng), np.float64)
    limb = blend
    if kind == "logo":
        half = 28
        blend = blend.copy()
        mask = np.asarray(Image.fromarray(emblem(rng)).resize((2 * half, 2 * half)), np.float64)
        centre_y, centre_x = int((0.52 / TILE["logo"] % 1) * SIZE), 0
        rows = (np.arange(2 * half) - half + centre_y) % SIZE
        columns = (np.arange(2 * half) - half + centre_x) % SIZE
        blend[np.ix_(rows, columns)] = mask
    if kind == "block":
        height = (np.arange(SIZE) + 0.5) / SIZE * TILE["block"]
        blend = np.repeat((height > rng.uniform(0.4, 0.55))[:, None], SIZE, 1) * 1.0
        limb = np.full((SIZE, SIZE), float(rng.integers(2)))
    grain = 1 + 0.02 * rng.normal(size=(SIZE, SIZE, 1))
    tile = TILE.get(kind, rng.uniform(0.22, 0.42))
    paint = [np.clip((first * (1 - w[..., None]) + second * w[..., None]) * grain, 0, 1).astype(np.float32) for w in (blend, limb)]
    return paint[0], paint[1], tile


def skin(tone: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bare skin with a little mottling."""
    return np.clip(tone * (1 + 0.015 * smooth_noise(rng, SIZE, (12, 12))[..., None]), 0, 1).astype(np.float32)


def face(tone: np.ndarray, hair: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A face seen from the front, `FACE_TILE` metres a side around `FACE_CENTRE`: brows, lashes, lips, cheeks."""
    image = Image.fromarray(np.uint8(skin(tone, rng) * 255)[::-1])
    draw = ImageDraw.Draw(image, "RGBA")

    def at(x, z):
        return ((x - FACE_CENTRE[0]) / FACE_TILE + 0.5) * SIZE, SIZE - ((z - FACE_CENTRE[1]) / FACE_TILE + 0.5) * SIZE

    def paint(rgb, alpha):
        return (*(int(255 * min(1.0, c)) for c in rgb), int(255 * alpha))

    blush = paint(tone * np.array([1.0, 0.82, 0.82]), 0.45)
    lips = paint(tone * np.array([0.86, 0.50, 0.50]), rng.uniform(0.6, 1.0))
    for sign in (-1, 1):
        x, z = sign * EYE[0], EYE[1]
        left, top = at(x * 1.45 - 0.016, z - 0.03)
        right, bottom = at(x * 1.45 + 0.016, z - 0.058)
        draw.ellipse((left, top, right, bottom), fill=blush)
        draw.ellipse((*at(x - 0.017, z + 0.010), *at(x + 0.017, z - 0.008)), fill=paint(tone * 0.55, 0.6))
        arch = [at(sign * 0.014, BROW - 0.002), at(sign * 0.034, BROW + 0.005), at(sign * 0.052, BROW - 0.003)]
        draw.line(arch, fill=paint(hair * 0.8 + tone * 0.12, 0.95), width=int(rng.integers(3, 6)), joint="curve")
    upper = [at(-0.026, MOUTH), at(-0.008, MOUTH + 0.008), at(0, MOUTH + 0.006), at(0.008, MOUTH + 0.008), at(0.026, MOUTH)]
    draw.polygon([*upper, at(0.012, MOUTH - 0.010), at(-0.012, MOUTH - 0.010)], fill=lips)
    draw.line([at(-0.024, MOUTH), at(0.024, MOUTH)], fill=paint(tone * 0.45, 0.8), width=1)
    image = image.filter(ImageFilter.GaussianBlur(0.8))
    return np.ascontiguousarray(np.asarray(image, np.float32)[::-1] / 255)


def eye(rng: np.random.Generator) -> np.ndarray:
    """An eyeball seen from the front, `EYE_TILE` metres a side around its centre."""
    iris = np.array([[0.20, 0.12, 0.07], [0.25, 0.35, 0.45], [0.25, 0.32, 0.18]])[rng.integers(3)]
    y, x = (np.mgrid[:SIZE, :SIZE] + 0.5) / SIZE - 0.5
    radius = np.hypot(x, y)[..., None] * EYE_TILE
    return np.where(radius < 0.0035, 0.03, np.where(radius < 0.0075, iris, 0.93)).astype(np.float32)


def strands(hair: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hair that runs along the texture's vertical axis."""
    return np.clip(hair * (1 + 0.16 * smooth_noise(rng, SIZE, (3, 45))[..., None]), 0, 1).astype(np.float32)
