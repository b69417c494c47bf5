"""Training batches: rendered people over procedural backgrounds, drawn anew for every batch number."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from ...rendered.backgrounds import SIZE
from ..flips import MIRRORED
from ..framing import FRAME, MARGIN, SHAPES, SMALL_SHAPES, crop_kind
from .compose import Scene
from .cutouts import CutOuts
from .people import CutOut
from .spoil import spoil

WHOLE = "whole"
WHOLE_FRAMES = 0.2
"""Share of batches of whole frames; the others are crops around a person."""
NOBODY, SECOND_WHOLE, SECOND_CROP = 0.04, 0.2, 0.1
FRONT_TIMES = 3
"""People seen from the front are drawn so many times as often as their share among the rendered ones, where backs and profiles prevail."""
CUT_EDGE = 9
"""A cut-out whose rim has more covered pixels than this was cut off there by its frame."""


@dataclass(frozen=True)
class IuvBatch:
    """Channels last in memory: `images` (B, 3, H, W) uint8; `half` (B, 3, H / 2, W / 2), `quarter` (B, 3, H / 4, W / 4) uint8 I, U, V."""

    images: torch.Tensor
    half: torch.Tensor
    quarter: torch.Tensor


class Batches(Dataset):
    """Batch number n of a training whose first `small` batches are of small pictures; the same n gives the same batch.

    `backgrounds` (n, S, S, 3) uint8 is the pool that windows are taken from; `size` is the number of crops a batch.
    """

    def __init__(self, cutouts: CutOuts, backgrounds: np.ndarray, size: int, small: int, seed: int):
        self.cutouts, self.backgrounds, self.size, self.small, self.seed = cutouts, backgrounds, size, small, seed
        self.uncut = [index for index, entry in enumerate(cutouts.entries) if not entry[-1]]
        self.kinds = {kind: [] for kind in SHAPES}
        for index, (_, _, height, width, _) in enumerate(cutouts.entries):
            times = FRONT_TIMES if shows_front(cutouts[index]) else 1
            self.kinds[crop_kind(width, height)] += [index] * times
        self.all = [index for members in self.kinds.values() for index in members]
        self.shares = np.array([len(members) for members in self.kinds.values()]) / len(self.all)

    def __getitem__(self, number: int) -> IuvBatch:
        rng = np.random.default_rng([self.seed, number])
        shapes = SMALL_SHAPES if number < self.small else SHAPES
        whole = rng.random() < WHOLE_FRAMES
        kind = WHOLE if whole else str(rng.choice(list(shapes), p=self.shares))
        shape = (FRAME, FRAME) if whole else shapes[kind]
        count = round(self.size * shapes["square"][0] ** 2 / FRAME**2) if whole else self.size  # the same number of pixels
        return stacked([self.sample(kind, shape, rng) for _ in range(count)])

    def sample(self, kind: str, shape: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, Scene]:
        """One spoiled picture and its scene; `kind` is WHOLE or the shape of a crop."""
        scene = Scene(self.background(shape, rng))
        if kind == WHOLE:
            people = 0 if rng.random() < NOBODY else 2 if rng.random() < SECOND_WHOLE else 1
            for _ in range(people):
                self.add(scene, self.any_of(self.all, rng), in_frame, rng)
        else:
            person = self.any_of(self.kinds[kind], rng)
            behind = rng.random() < 0.5
            second = self.any_of(self.uncut, rng) if rng.random() < SECOND_CROP else None
            if second and behind:
                self.add(scene, second, beside, rng)
            self.add(scene, person, in_crop, rng)
            if second and not behind:
                self.add(scene, second, beside, rng)
        if rng.random() < 0.08:
            scene.cover(patch(shape, rng), self.background(shape, rng))
        return spoil(scene.picture, rng), scene

    def any_of(self, members: list[int], rng: np.random.Generator) -> CutOut:
        """One of the cut-outs with these numbers."""
        return self.cutouts[members[int(rng.integers(len(members)))]]

    def background(self, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
        """A window of a background of the pool, scaled to `shape`, mirrored and recoloured at random; (H, W, 3) uint8."""
        picture = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
        side = SIZE * rng.uniform(0.35, 1)
        height, width = (np.maximum(2, side * np.array(shape) / max(shape))).astype(int)
        top, left = rng.integers(0, SIZE - height + 1), rng.integers(0, SIZE - width + 1)
        rows = top + np.arange(shape[0]) * height // shape[0]
        columns = left + np.arange(shape[1]) * width // shape[1]
        picture = picture[rows[:, None], columns[None, :: 1 if rng.random() < 0.5 else -1]]
        return picture[..., rng.permutation(3)] if rng.random() < 0.3 else picture

    def add(self, scene: Scene, person: CutOut, placing, rng: np.random.Generator):
        """Draw a person where `placing` puts it, mirrored in half of all cases, with a shadow in some."""
        mirrored = bool(rng.random() < 0.5)
        place = placing(person, scene.picture.shape[:2], mirrored, rng)
        if rng.random() < 0.3:
            scene.shade(person, shadow_place(person, place, rng), rng.uniform(0.1, 0.5))
        gains = rng.uniform(0.6, 1.35) * rng.uniform(0.85, 1.15, 3)
        scene.add(person, place, mirrored, gains)


def shows_front(person: CutOut) -> bool:
    """Whether more of the chest and belly is seen than of the back."""
    part = person.iuv[::4, ::4, 0]
    return np.count_nonzero(part == 2) > 1.5 * np.count_nonzero(part == 1)


def stacked(samples: list[tuple[np.ndarray, Scene]]) -> IuvBatch:
    """One batch of samples of one shape."""

    def channels_first(arrays) -> torch.Tensor:
        return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)

    images, scenes = zip(*samples, strict=True)
    return IuvBatch(channels_first(images), channels_first([s.half for s in scenes]), channels_first([s.quarter for s in scenes]))


def placed(person: CutOut, centre: np.ndarray, scale: float, mirrored: bool, rng: np.random.Generator, turn: float = 0.12) -> np.ndarray:
    """The map (2, 3) that carries the cut-out's middle to `centre` (x, y) at this scale, turned by about `turn` radians."""
    angle = rng.normal() * turn * (not person.close)
    stretch = np.exp(rng.normal() * 0.05)
    c, s = np.cos(angle), np.sin(angle)
    turned = np.array([[c, -s], [s, c]]) @ np.diag([scale * stretch * (-1 if mirrored else 1), scale])
    middle = np.array(person.iuv.shape[1::-1]) / 2
    return np.column_stack([turned, centre - turned @ middle])


def in_crop(person: CutOut, shape: tuple[int, int], mirrored: bool, rng: np.random.Generator) -> np.ndarray:
    """As a crop around a box shows it, the box a little wrong."""
    size, wanted = np.array(person.iuv.shape[1::-1]), np.array(shape[::-1])
    scale = (wanted / size).min() / MARGIN * np.exp(rng.normal() * 0.09)
    centre = wanted / 2 + rng.normal(size=2) * 0.04 * wanted
    if person.close:
        scale, centre = reach_rims(person, scale, centre, wanted, mirrored)
    return placed(person, centre, scale, mirrored, rng)


def in_frame(person: CutOut, shape: tuple[int, int], mirrored: bool, rng: np.random.Generator) -> np.ndarray:
    """Anywhere in a frame, near or far, in one case of five beyond its rim."""
    size, wanted = np.array(person.iuv.shape[1::-1]), np.array(shape[::-1])
    scale = (wanted / size).min() * rng.uniform(0.28, 1.0) ** 0.7
    room = np.maximum(wanted - scale * size, 0) / 2 + (0.2 * wanted if rng.random() < 0.2 else 0)
    centre = wanted / 2 + rng.uniform(-1, 1, 2) * room
    if person.close:
        scale, centre = reach_rims(person, scale, centre, wanted, mirrored)
    return placed(person, centre, scale, mirrored, rng)


def beside(person: CutOut, shape: tuple[int, int], mirrored: bool, rng: np.random.Generator) -> np.ndarray:
    """Another person at the rim of a crop."""
    size, wanted = np.array(person.iuv.shape[1::-1]), np.array(shape[::-1])
    scale = (wanted / size).min() * rng.uniform(0.6, 1.1)
    away = rng.choice([-1, 1]) * wanted[0] * rng.uniform(0.3, 0.65)
    return placed(person, wanted / 2 + np.array([away, wanted[1] * rng.normal() * 0.1]), scale, mirrored, rng)


def reach_rims(person: CutOut, scale: float, centre: np.ndarray, wanted: np.ndarray, mirrored: bool) -> tuple[float, np.ndarray]:
    """Scale and centre so that no rim where the cut-out was cut off lies inside the picture."""
    cover = person.rgba[..., 3] > 0
    left, right = ((cover[:, column].sum() > CUT_EDGE) for column in ((-1, 0) if mirrored else (0, -1)))
    top, bottom = ((cover[row].sum() > CUT_EDGE) for row in (0, -1))
    size = np.array(person.iuv.shape[1::-1])
    scale = scale * 1.1
    for axis, both in ((0, left and right), (1, top and bottom)):
        if both:
            scale = max(scale, 1.02 * wanted[axis] / size[axis])
    half, centre = scale * size * 0.94 / 2, centre.copy()
    for axis, (low, high) in enumerate(((left, right), (top, bottom))):
        if low:
            centre[axis] = min(centre[axis], half[axis])
        if high:
            centre[axis] = max(centre[axis], wanted[axis] - half[axis])
    return scale, centre


def shadow_place(person: CutOut, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where the shadow falls: on the floor from the feet, or on a wall behind."""
    if rng.random() < 0.4:
        return place + np.array([[0, 0, rng.normal() * 8], [0, 0, rng.normal() * 5]])
    feet = place @ np.array([person.iuv.shape[1] / 2, person.iuv.shape[0], 1])
    fall = np.array([[1, rng.uniform(-1.5, 1.5)], [0, rng.uniform(0.1, 0.45)]])
    return np.column_stack([fall @ place[:, :2], feet + fall @ (place[:, 2] - feet)])


def patch(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A mask (H, W) of an ellipse or a rectangle, up to a third of the picture wide."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    middle, half = rng.uniform(0, 1, 2) * shape, rng.uniform(0.03, 0.17, 2) * shape
    dy, dx = np.abs(y - middle[0]) / half[0], np.abs(x - middle[1]) / half[1]
    return dy**2 + dx**2 < 1 if rng.random() < 0.5 else np.maximum(dy, dx) < 1


def part_shares(cutouts: CutOuts, every: int = 20) -> np.ndarray:
    """Share (24,) of the parts among all body pixels, either side counted for both since half of all pictures are mirrored."""
    counts = Counter()
    for index in range(0, len(cutouts), every):
        counts.update(dict(enumerate(np.bincount(cutouts[index].iuv[..., 0].ravel(), minlength=25).tolist())))
    numbers = np.array([counts[part] + counts[int(MIRRORED[part])] for part in range(1, 25)], float)
    return numbers / numbers.sum()
