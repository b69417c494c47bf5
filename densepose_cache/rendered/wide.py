"""People as they come: looser and whiter clothes, near and far, before all kinds of scenes."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .backgrounds import draw_background
from .figure.anatomy import anatomy
from .figure.body import load_body
from .figure.garments import with_hair_volume
from .figure.person import BOTTOM, SHOE, SLEEVE, TOP, Figure, assemble, draw_looks, dress_up, nude_faces, paint
from .scene import Camera, frame_person

LOOSE, WHITE = 0.4, 0.3
"""Shares of people in loose clothes and in white."""
FAR, NEAR = 0.5, 1.35
"""Least and largest size of a person beside one that just fits into the picture."""
NEAR_SHARE = 0.15
"""Share of people of whom the picture shows a part."""


def draw_person(rng: np.random.Generator) -> Figure:
    """A person of the embedded data set, but in looser or whiter clothes now and then."""
    body, where = load_body(), anatomy()
    looks = draw_looks(body, rng)
    if rng.random() < LOOSE:
        looks = replace(looks, loose=float(rng.uniform(0.01, 0.035)), wide=float(rng.uniform(0.015, 0.05)))
    rest, heads = body.shape(np.array(looks.coefficients))
    thickness = rng.uniform(0.006, 0.02) if looks.long_hair else rng.uniform(0.003, 0.024)
    rest = with_hair_volume(where, rest, body.faces["body"], thickness)
    stack, tiles = paint(looks, rng)
    if rng.random() < WHITE:
        whiten(stack, (TOP, SLEEVE, BOTTOM) if rng.random() < 0.7 else (TOP, SLEEVE), rng)
    if rng.random() < 0.2:
        whiten(stack, (SHOE,), rng)
    pieces, hidden = dress_up(looks, where, rest, body.faces, rng)
    return assemble(looks, body, rest, heads, pieces, nude_faces(where, body, hidden), stack, tiles)


def whiten(stack: np.ndarray, which: tuple[int, ...], rng: np.random.Generator):
    """Bleach some textures (M, S, S, 3) in place; a trace of the print stays."""
    white = rng.uniform(0.82, 1.0) * (1 - rng.uniform(0, 0.08, 3))
    trace = rng.uniform(0, 0.15)
    for k in which:
        stack[k] = np.clip(white * (1 - trace) + trace * stack[k], 0, 1)


def frame_anywhere(points: np.ndarray, size: int, rng: np.random.Generator) -> Camera:
    """A camera on all `points` (..., 3) of a clip in a picture of `size` pixels, some so far that the person is half as tall, some so near
    that the picture cuts it off."""
    camera = frame_person(points, size, rng)
    near = rng.random() < NEAR_SHARE
    zoom = rng.uniform(1.05, NEAR) if near else 1 - (1 - FAR) * rng.random() ** 2
    middle = size / 2
    drop = (camera.centre_y - middle) * zoom
    if near and rng.random() < 0.7:
        drop += (zoom - 1) * middle  # the head stays in the picture, the feet leave it
    shift = rng.uniform(-0.8, 0.8) * max(0.0, 1 - zoom) * middle
    return Camera(camera.distance, camera.focal * zoom, middle + (camera.centre_x - middle) * zoom + shift, middle + drop)


def paint_scene(size: int, rng: np.random.Generator) -> np.ndarray:
    """A background (size, size, 3) float32 in 0..1: studio, room, landscape or clutter."""
    picture = Image.fromarray(draw_background(rng)).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(picture, np.float32) / 255
