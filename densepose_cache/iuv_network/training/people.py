"""Render people for training: cut-outs with their coverage and exact IUV maps, without a background."""

from dataclasses import dataclass

import numpy as np

from ...rendered.clipping import follow
from ...rendered.figure.body import add_normals, bone_transforms, load_body, skin
from ...rendered.figure.chart import chart_mesh
from ...rendered.figure.person import GLOSS
from ...rendered.figure.textures import smooth_noise, wrinkles
from ...rendered.raster import fill_iuv, rasterise, shade
from ...rendered.scene import Camera
from ...rendered.wide import draw_person
from .clothed import label_clothes, reaches
from .poses import draw_poses

SIZE = 256
"""Side in pixels of the square that a person is rendered in."""
CLOSE = 0.2
"""Share of frames that show part of a person from near."""


@dataclass(frozen=True)
class CutOut:
    """A person without background, cut to what is seen of it."""

    rgba: np.ndarray
    """(h, w, 4) uint8: colour times coverage, and coverage of the clothed person."""
    iuv: np.ndarray
    """(h, w, 3) uint8 of the body and of clothes near it, hair counted as head."""
    close: bool
    """Cut off by the frame: only part of the body is seen."""


class Studio:
    """Renders one person in several poses, each through a camera of its own."""

    def __init__(self, rng: np.random.Generator, frames: int):
        self.rng, self.figure = rng, draw_person(rng)
        body, chart = load_body(), chart_mesh()
        self.transforms = bone_transforms(draw_poses(frames, bool(self.figure.looks.leg), rng), self.figure.heads, body.parents)
        own = len(self.figure.rest)
        self.clothed = np.empty((own + len(self.figure.cuts), 3), np.float32)
        self.nude = np.empty((chart.cuts.first + len(chart.cuts), 3), np.float32)
        self.normals = np.empty_like(self.clothed)
        self.folds = self._folds()
        self.reach = reaches(bool(self.figure.looks.leg))

    def _folds(self) -> np.ndarray:
        """(M, 3) metres by which cloth is off its place: a pattern over the rest pose, for garments only."""
        rest, rng = self.figure.rest, self.rng
        noise = np.stack([smooth_noise(rng, 64, (rng.uniform(2, 7), rng.uniform(2, 7))) for _ in range(3)], -1)
        x, z = (np.floor(rest[:, axis] * 64).astype(int) % 64 for axis in (0, 2))
        depth = rng.uniform(0, 0.35) * max(self.figure.looks.loose, self.figure.looks.wide)
        garment = np.arange(len(rest)) >= chart_mesh().cuts.first
        return (noise[z, x] * depth * garment[:, None]).astype(np.float32)

    def camera(self) -> tuple[Camera, bool]:
        """A camera on the posed person, near or far, and whether it sees but a part."""
        rng = self.rng
        distance = rng.uniform(2.2, 7)
        depth = self.nude[:, 1] + distance
        x, z = self.nude[:, 0] / depth, self.nude[:, 2] / depth
        focal = 0.9 * SIZE / max(z.max() - z.min(), x.max() - x.min())
        close = bool(rng.random() < CLOSE)
        if close:
            focal *= rng.uniform(1.4, 3.0)
            spot = rng.integers(len(x))
            return Camera(distance, focal, SIZE / 2 - focal * x[spot], SIZE / 2 + focal * z[spot]), close
        return Camera(distance, focal, SIZE / 2 - focal * (x.max() + x.min()) / 2, SIZE / 2 + focal * (z.max() + z.min()) / 2), close

    def pose(self, t: int):
        """Fill the clothed and the nude vertices of pose `t`, seen from a little above or below."""
        figure, chart = self.figure, chart_mesh()
        own, count = len(figure.rest), chart.cuts.first
        skin(figure.rest, figure.bones, figure.weights, self.transforms[t], self.clothed[:own])
        tilt = np.clip(self.rng.normal() * 0.1, -0.3, 0.3)
        c, s = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
        y, z = self.clothed[:own, 1].copy(), self.clothed[:own, 2].copy()
        self.clothed[:own, 1], self.clothed[:own, 2] = c * y - s * z, s * y + c * z
        self.nude[:count] = self.clothed[:count]
        swing = self.rng.normal(size=3) * np.array([0.04, 0.04, 0])
        self.clothed[:own] += figure.sway[:, None] * swing.astype(np.float32) + self.folds
        follow(self.clothed, own, figure.cuts.a, figure.cuts.b, figure.cuts.t)
        follow(self.nude, count, chart.cuts.a, chart.cuts.b, chart.cuts.t)

    def render(self, t: int) -> CutOut:
        """The person in pose `t` under a new lamp."""
        figure, chart = self.figure, chart_mesh()
        self.pose(t)
        camera, close = self.camera()
        owner, depth, second, third = planes(SIZE)
        rasterise(camera.project(self.nude), chart.faces, owner, depth, second, third)
        iuv = np.empty((SIZE, SIZE, 3), np.uint8)
        fill_iuv(owner, second, third, chart.part, chart.uv, iuv)
        owner, depth, second, third = planes(2 * SIZE)
        rasterise(camera.project(self.clothed, 2), figure.faces, owner, depth, second, third)
        add_normals(self.clothed, figure.faces, self.normals)
        lamp = np.array([self.rng.uniform(-1, 1), -1.0, self.rng.uniform(-0.1, 1.2)])
        light, rgb = (lamp / np.linalg.norm(lamp)).astype(np.float32), np.empty((SIZE, SIZE, 3), np.uint8)
        black = np.zeros((SIZE, SIZE, 3), np.float32)
        faces, corners, material, stack = figure.faces, figure.corners, figure.material, figure.textures
        shade(owner, second, third, faces, self.normals, corners, material, stack, GLOSS, wrinkles(), light, black, rgb)
        seen = owner[::2, ::2]
        metres = np.where(seen >= 0, self.reach[material[seen]], 0)
        iuv = label_clothes(iuv, metres * camera.focal / camera.distance)
        cover = (owner >= 0).reshape(SIZE, 2, SIZE, 2).mean((1, 3)) * 255
        return cut(np.dstack([rgb, np.round(cover).astype(np.uint8)]), iuv, close)


def planes(side: int) -> tuple[np.ndarray, ...]:
    """Empty buffers for the rasteriser: owner, depth and two weights."""
    return np.empty((side, side), np.int32), *(np.empty((side, side), np.float32) for _ in range(3))


def cut(rgba: np.ndarray, iuv: np.ndarray, close: bool) -> CutOut:
    """The part of the square that shows something; two pixels at least."""
    seen = (rgba[..., 3] > 0) | (iuv[..., 0] > 0)
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    window = np.s_[rows[0] : rows[-1] + 2, columns[0] : columns[-1] + 2]
    return CutOut(np.ascontiguousarray(rgba[window]), np.ascontiguousarray(iuv[window]), close)
