"""Cut triangle meshes along scalar fields; the cut vertices follow their parents when the mesh moves."""

from dataclasses import dataclass

import numba as nb
import numpy as np


@dataclass
class Cuts:
    """Vertices that lie on edges: vertex `first + k` = (1 - t[k]) * vertex a[k] + t[k] * vertex b[k], to be applied in order."""

    first: int
    a: np.ndarray
    b: np.ndarray
    t: np.ndarray

    @classmethod
    def none(cls, first: int) -> "Cuts":
        """No cut yet; the mesh has `first` vertices of its own."""
        return cls(first, np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))

    def __len__(self) -> int:
        return len(self.t)

    def extend(self, values: np.ndarray, done: int = 0) -> np.ndarray:
        """Append the rows of the cut vertices to `values`, which already holds those of the first `done` cuts."""
        out = np.concatenate([values, np.empty((len(self) - done, *values.shape[1:]), values.dtype)])
        for k in range(done, len(self)):
            out[self.first + k] = (1 - self.t[k]) * out[self.a[k]] + self.t[k] * out[self.b[k]]
        return out


@nb.njit(cache=True)
def follow(vertices, first, a, b, t):
    """Write the positions of the cut vertices into `vertices` (N + cuts, 3), in order."""
    for k in range(len(t)):
        for axis in range(3):
            vertices[first + k, axis] = (1 - t[k]) * vertices[a[k], axis] + t[k] * vertices[b[k], axis]


def split(faces: np.ndarray, field: np.ndarray, cuts: Cuts) -> tuple[np.ndarray, np.ndarray, Cuts]:
    """Cut `faces` (F, 3) where `field` (one number per vertex, cut vertices included) changes its sign.

    Returns the faces where the field is positive, those where it is not, and the longer list of cuts. Orientation is kept.
    """
    above = field[faces] > 0
    count = above.sum(1)
    mixed = (count == 1) | (count == 2)
    triangles, sides = faces[mixed], above[mixed]
    lonely = np.where(count[mixed] == 1, sides.argmax(1), (~sides).argmax(1))
    rows = np.arange(len(triangles))
    apex, left, right = (triangles[rows, (lonely + turn) % 3] for turn in range(3))
    edges = np.concatenate([np.stack([apex, left], 1), np.stack([apex, right], 1)])
    unique, inverse = np.unique(np.sort(edges, 1), axis=0, return_inverse=True)
    inverse = inverse.ravel() + cuts.first + len(cuts)
    if len(unique):
        start, end = field[unique[:, 0]], field[unique[:, 1]]
        longer = Cuts(
            cuts.first,
            np.concatenate([cuts.a, unique[:, 0]]),
            np.concatenate([cuts.b, unique[:, 1]]),
            np.concatenate([cuts.t, (start / (start - end)).astype(np.float32)]),
        )
    else:
        longer = cuts
    near_left, near_right = inverse[: len(apex)], inverse[len(apex) :]
    tip = np.stack([apex, near_left, near_right], 1)
    base = np.concatenate([np.stack([near_left, left, right], 1), np.stack([near_left, right, near_right], 1)])
    tip_above = count[mixed] == 1
    base_above = np.concatenate([~tip_above, ~tip_above])
    positive = np.concatenate([faces[count == 3], tip[tip_above], base[base_above]])
    negative = np.concatenate([faces[count == 0], tip[~tip_above], base[~base_above]])
    return positive.astype(np.int32), negative.astype(np.int32), longer
