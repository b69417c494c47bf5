"""Static camera and background of a clip."""

from dataclasses import dataclass

import numpy as np

from .figure.textures import colour, smooth_noise

BACKGROUNDS = ("plain", "gradient", "room")
"""Kinds that are drawn at random."""
STUDIO = "white"
"""A photo studio's white, as in fashion clips; only where it is asked for."""


@dataclass(frozen=True)
class Camera:
    """Pinhole camera that looks along +y, `distance` metres before the origin; `focal` and the centre in pixels."""

    distance: float
    focal: float
    centre_x: float
    centre_y: float

    def project(self, points: np.ndarray, scale: float = 1) -> np.ndarray:
        """Pixels x, y (times `scale`) and depth in metres (N, 3) float32 of points (N, 3) in metres."""
        depth = points[..., 1] + self.distance
        x = (self.centre_x + self.focal * points[..., 0] / depth) * scale
        y = (self.centre_y - self.focal * points[..., 2] / depth) * scale
        return np.stack([x, y, depth], -1).astype(np.float32)


def frame_person(points: np.ndarray, size: int, rng: np.random.Generator) -> Camera:
    """A camera that keeps all `points` (..., 3) of a clip inside a picture of `size` pixels, with a little air around."""
    distance = rng.uniform(4.0, 6.5)
    depth = points[..., 1] + distance
    x, z = points[..., 0] / depth, points[..., 2] / depth
    fill = rng.uniform(0.84, 0.93)
    focal = fill * size / max(z.max() - z.min(), x.max() - x.min())
    centre_x = size / 2 - focal * (x.max() + x.min()) / 2
    room = (size - focal * (x.max() - x.min())) / 2
    centre_x += np.clip(rng.normal() * 0.03 * size, -0.6 * room, 0.6 * room)
    centre_y = size * rng.uniform(0.495, 0.51) + focal * (z.max() + z.min()) / 2
    return Camera(distance, focal, centre_x, centre_y)


def paint_background(kind: str, size: int, horizon: float, rng: np.random.Generator) -> np.ndarray:
    """Background (size, size, 3) float32 in 0..1; `horizon` is the pixel row where a room's floor begins."""
    if kind == STUDIO:
        return np.ones((size, size, 3), np.float32)
    if kind == "plain":
        shade = rng.uniform(0.90, 1.0) * np.ones(3) if rng.random() < 0.6 else colour(rng, (0.05, 0.5), (0.4, 0.95))
        return np.broadcast_to(shade, (size, size, 3)).astype(np.float32)
    first, second = colour(rng, (0, 0.35), (0.55, 1)), colour(rng, (0, 0.4), (0.25, 0.9))
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    if kind == "gradient":
        angle = rng.uniform(-0.5, 0.5)
        ramp = np.clip(y * np.cos(angle) + x * np.sin(angle), 0, 1)[..., None]
        return (first * (1 - ramp) + second * ramp).astype(np.float32)
    grain = smooth_noise(rng, size, (size / rng.uniform(8, 40), size / rng.uniform(8, 40)))[..., None]
    wall = first * (1 + rng.uniform(0.02, 0.08) * grain)
    for _ in range(rng.integers(1, 5)):
        left, width, top, height = rng.uniform(-0.1, 0.95), rng.uniform(0.08, 0.35), rng.uniform(0.0, 0.5), rng.uniform(0.1, 0.45)
        inside = (x > left) & (x < left + width) & (y > top) & (y < top + height)
        rim = inside & ~((x > left + 0.012) & (x < left + width - 0.012) & (y > top + 0.012) & (y < top + height - 0.012))
        wall[inside] = colour(rng, (0, 0.6), (0.2, 0.95)) * (1 + 0.1 * grain[inside])
        wall[rim] = colour(rng, (0, 0.3), (0.1, 0.5))
    start = horizon / size
    below = np.maximum(0, y - start)[..., None]
    boards = 1 + 0.05 * (np.floor((x[..., None] - 0.5) / (below + 0.25) * 6) % 2)
    floor = second * (0.7 + 0.9 * below) * boards * (1 + 0.03 * grain)
    return np.clip(np.where(y[..., None] > start, floor, wall), 0, 1).astype(np.float32)


def cast_shadow(background: np.ndarray, x: float, y: float, width: float) -> np.ndarray:
    """The background with a soft oval shadow of `width` pixels around the point (x, y)."""
    size = len(background)
    across = np.exp(-(((np.arange(size) + 0.5 - x) / (0.5 * width)) ** 2))
    down = np.exp(-(((np.arange(size) + 0.5 - y) / (0.09 * width)) ** 2))
    return background * (1 - 0.35 * down[:, None] * across[None]).astype(np.float32)[..., None]
