"""Render a clip: one new person, one motion, one background, a static camera, exact IUV maps and keypoints."""

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from ..storage.digest import digest
from .clipping import follow
from .figure.body import add_normals, bone_transforms, load_body, skin
from .figure.chart import chart_mesh
from .figure.motion import MOTIONS, Motion, draw_motion
from .figure.person import GLOSS, Figure, make_figure
from .figure.textures import wrinkles
from .raster import fill_iuv, rasterise, shade
from .scene import BACKGROUNDS, Camera, cast_shadow, frame_person, paint_background
from .wide import draw_person, frame_anywhere, paint_scene

HIDDEN_BEHIND = np.array([0.03] * 3 + [0.06] * 2 + [0.14] * 2 + [0.10] * 4 + [0.20] * 2 + [0.12] * 2 + [0.10] * 2)
"""Metres that each keypoint may lie behind the surface in front of it and still count as visible."""


@dataclass(frozen=True)
class Frame:
    """One rendered frame."""

    rgb: np.ndarray
    """(S, S, 3) uint8."""
    iuv: np.ndarray
    """(S, S, 3) uint8: I in 0..24, U, V in 0..255."""
    keypoints: np.ndarray
    """(17, 3) float32: COCO x, y in pixels (pixel centres at integer + 0.5), visibility 0 or 1."""
    silhouette: np.ndarray
    """(S, S) bool: pixels that the clothed person covers, at least half."""


def clip_generator(seed: int, split: str, index: int) -> np.random.Generator:
    """The random numbers of one clip; no two (seed, split, index) share them."""
    return np.random.default_rng(int(digest("sample", seed, split, index), 16))


class RenderedClip:
    """A drawn clip; iterate over it to render its frames. `wide` draws people, cameras and backgrounds of all kinds."""

    def __init__(
        self,
        rng: np.random.Generator,
        *,
        size: int,
        frames: int,
        fps: float,
        motion: str | None = None,
        outfit: str | None = None,
        background: str | None = None,
        wide: bool = False,
    ):
        self.size, self.frames = size, frames
        self.figure: Figure = draw_person(rng) if wide else make_figure(rng, outfit)
        self.motion = draw_motion(motion or str(rng.choice(self._motions())), frames, fps, rng)
        self.background_kind = "scene" if wide else background or str(rng.choice(BACKGROUNDS))
        body = load_body()
        self.transforms = bone_transforms(self.motion.rotations(body), self.figure.heads, body.parents)
        self.shift = self._ground(np.broadcast_to(self.motion.way, (frames, 2)))
        outline = self._outline()
        self.camera: Camera = (frame_anywhere if wide else frame_person)(outline, size, rng)
        floor = self.camera.project(np.array([[0, 1.2, outline[..., 2].min()]]))[0, 1]
        self.background = paint_scene(size, rng) if wide else paint_background(self.background_kind, size, float(floor), rng)
        lamp = np.array([rng.uniform(-0.7, 0.7), -1.0, rng.uniform(0.3, 1.0)])
        self.light = (lamp / np.linalg.norm(lamp)).astype(np.float32)
        swing = rng.uniform(0.01, 0.06) * np.sin(2 * np.pi * rng.uniform(0.7, 1.1) * self.motion.time + rng.uniform(0, 6))
        self.swing = np.stack([np.cos(rng.uniform(0, 6)) * swing, 0.7 * swing, 0 * swing], 1).astype(np.float32)
        self._buffers()

    def acted(self, figure: Figure | None = None, motion: Motion | None = None) -> "RenderedClip":
        """The same place, camera and light with another figure, or with another motion, which stays in the middle of this one's way."""
        clip, body = copy.copy(self), load_body()
        clip.figure = figure or self.figure
        clip.motion = motion or self.motion
        clip.frames = len(clip.motion.time)
        way = np.broadcast_to(self.motion.way, (self.frames, 2))
        clip.transforms = bone_transforms(clip.motion.rotations(body), clip.figure.heads, body.parents)
        clip.shift = clip._ground(np.broadcast_to(way.mean(0), (clip.frames, 2)) if motion else way)
        clip.swing = np.resize(self.swing, (clip.frames, 3))
        clip._buffers()
        return clip

    def facts(self) -> dict:
        """Facts of the person and the clip for the manifest."""
        looks = asdict(self.figure.looks)
        looks = {name: round(value, 4) if isinstance(value, float) else value for name, value in looks.items()}
        looks["coefficients"] = " ".join(f"{value:g}" for value in looks["coefficients"])
        return {**looks, "motion": self.motion.kind, "background": self.background_kind}

    def _motions(self) -> tuple[str, ...]:
        """Motions that suit the clothes: nobody kicks in a skirt, it would not follow the leg."""
        return MOTIONS if self.figure.looks.leg else tuple(motion for motion in MOTIONS if motion != "kick")

    def _ground(self, way: np.ndarray) -> np.ndarray:
        """(T, 3) shift of every frame: the way over the floor, and the lowest vertex on the floor z = 0."""
        figure, body = self.figure, load_body()
        low = np.unique(body.faces["body"])
        low = low[body.mean[low, 2] < -0.6]
        rest, bones, weights = figure.rest[low], figure.bones[low], figure.weights[low]
        posed = np.empty_like(rest)
        shift = np.zeros((self.frames, 3), np.float32)
        shift[:, :2] = way
        for t in range(self.frames):
            skin(rest, bones, weights, self.transforms[t], posed)
            shift[t, 2] = -posed[:, 2].min()
        return shift

    def _outline(self) -> np.ndarray:
        """A few hundred posed body vertices of every frame, (T, n, 3)."""
        figure = self.figure
        some = np.arange(0, len(load_body().mean), 37)
        out = np.empty((self.frames, len(some), 3), np.float32)
        rest, bones, weights = figure.rest[some], figure.bones[some], figure.weights[some]
        for t in range(self.frames):
            skin(rest, bones, weights, self.transforms[t], out[t])
        return out + self.shift[:, None]

    def _buffers(self):
        figure, chart, size = self.figure, chart_mesh(), self.size
        own = len(figure.rest)
        self._clothed = np.empty((own + len(figure.cuts), 3), np.float32)
        self._normals = np.empty_like(self._clothed)
        self._nude = np.empty((chart.cuts.first + len(chart.cuts), 3), np.float32)

        def planes(side: int):
            return np.empty((side, side), np.int32), *(np.empty((side, side), np.float32) for _ in range(3))

        self._map_planes, self._picture_planes = planes(size), planes(2 * size)

    def _pose(self, t: int):
        """Fill the clothed and the nude vertices of frame `t`."""
        figure, chart = self.figure, chart_mesh()
        own = len(figure.rest)
        skin(figure.rest, figure.bones, figure.weights, self.transforms[t], self._clothed[:own])
        self._clothed[:own] += self.shift[t]
        count = chart.cuts.first
        self._nude[:count] = self._clothed[:count]
        self._clothed[:own] += figure.sway[:, None] * self.swing[t]
        follow(self._clothed, own, figure.cuts.a, figure.cuts.b, figure.cuts.t)
        follow(self._nude, count, chart.cuts.a, chart.cuts.b, chart.cuts.t)

    def render(self, t: int) -> Frame:
        """Render frame `t`."""
        figure, chart, size = self.figure, chart_mesh(), self.size
        self._pose(t)
        owner, depth, second, third = self._map_planes
        rasterise(self.camera.project(self._nude), chart.faces, owner, depth, second, third)
        iuv = np.empty((size, size, 3), np.uint8)
        fill_iuv(owner, second, third, chart.part, chart.uv, iuv)
        keypoints = self._keypoints(depth)
        owner, depth, second, third = self._picture_planes
        rasterise(self.camera.project(self._clothed, 2), figure.faces, owner, depth, second, third)
        add_normals(self._clothed, figure.faces, self._normals)
        spot = self.camera.project(np.array([[self.shift[t, 0], self.shift[t, 1], 0]]))[0]
        backdrop = cast_shadow(self.background, spot[0], spot[1], 0.5 * self.camera.focal / spot[2])
        rgb = np.empty((size, size, 3), np.uint8)
        shade(
            owner,
            second,
            third,
            figure.faces,
            self._normals,
            figure.corners,
            figure.material,
            figure.textures,
            GLOSS,
            wrinkles(),
            self.light,
            backdrop,
            rgb,
        )
        covered = (owner >= 0).reshape(size, 2, size, 2).sum((1, 3)) >= 2
        return Frame(rgb, iuv, keypoints, covered)

    def _keypoints(self, depth: np.ndarray) -> np.ndarray:
        body = load_body()
        points = np.einsum("kn,knc->kc", body.keypoint_weights, self._nude[body.keypoint_vertices])
        seen = self.camera.project(points)
        column, row = np.floor(seen[:, 0]).astype(int), np.floor(seen[:, 1]).astype(int)
        inside = (column >= 0) & (column < self.size) & (row >= 0) & (row < self.size)
        surface = depth[np.clip(row, 0, self.size - 1), np.clip(column, 0, self.size - 1)]
        visible = inside & (seen[:, 2] - surface < HIDDEN_BEHIND)
        return np.column_stack([seen[:, :2], visible]).astype(np.float32)

    def __iter__(self) -> Iterator[Frame]:
        for t in range(self.frames):
            yield self.render(t)
