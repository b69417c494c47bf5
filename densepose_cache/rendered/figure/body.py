"""The statistical body: shapes of new people, forward kinematics and linear blend skinning.

Axes: x towards the person's left, y towards the back, z up; metres. The rest pose is an A-pose.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numba as nb
import numpy as np

ASSET = Path(__file__).with_name("body.npz")
MAN, WOMAN = 0, 1


@dataclass(frozen=True)
class Body:
    """What every person shares; arrays as `bake.py` describes them, weights and bases as float32."""

    mean: np.ndarray
    basis: np.ndarray
    heads: np.ndarray
    heads_basis: np.ndarray
    coefficient_mean: np.ndarray
    coefficient_factor: np.ndarray
    bones: tuple[str, ...]
    parents: np.ndarray
    skin_bones: np.ndarray
    skin_weights: np.ndarray
    keypoint_vertices: np.ndarray
    keypoint_weights: np.ndarray
    faces: dict[str, np.ndarray]

    def bone(self, name: str) -> int:
        """Index of a bone by its name."""
        return self.bones.index(name)

    def shape(self, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rest vertices (N, 3) and bone heads (B, 3), float32 metres, of a person with K shape `coefficients`."""
        coefficients = np.asarray(coefficients, np.float32)
        vertices = self.mean + np.tensordot(coefficients, self.basis, 1)
        return vertices, self.heads + np.tensordot(coefficients, self.heads_basis, 1)

    def draw_coefficients(self, rng: np.random.Generator, sex: int) -> np.ndarray:
        """K coefficients of a new man or woman: Gaussian, each direction cut at two standard deviations."""
        normal = np.clip(rng.normal(size=len(self.basis)), -2, 2)
        return self.coefficient_mean[sex] + self.coefficient_factor[sex] @ normal.astype(np.float32)


@lru_cache(maxsize=1)
def load_body() -> Body:
    """The body of this package, read once a process."""
    with np.load(ASSET) as data:
        scale = data["basis_scale"][:, None, None]
        weights = data["skin_weights"].astype(np.float32)
        return Body(
            mean=data["mean"],
            basis=data["basis"] * scale,
            heads=data["heads"],
            heads_basis=data["heads_basis"] * scale,
            coefficient_mean=data["coefficient_mean"],
            coefficient_factor=data["coefficient_factor"],
            bones=tuple(str(name) for name in data["bones"]),
            parents=data["parents"].astype(np.int64),
            skin_bones=data["skin_bones"].astype(np.int64),
            skin_weights=weights / weights.sum(1, keepdims=True),
            keypoint_vertices=data["keypoint_vertices"].astype(np.int64),
            keypoint_weights=data["keypoint_weights"],
            faces={name[6:]: data[name].astype(np.int32) for name in data.files if name.startswith("faces_")},
        )


def bone_transforms(rotations: np.ndarray, heads: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Forward kinematics: transforms (T, B, 3, 4) that carry rest positions to posed ones.

    `rotations` (T, B, 3, 3) turn each bone about its own head, `heads` (B, 3) or (T, B, 3), in the axes of the rest pose; then its parent's
    transform applies.
    """
    out = np.zeros((*rotations.shape[:2], 3, 4))
    for bone, parent in enumerate(parents):
        turn = rotations[:, bone]
        head = heads[..., bone, :]
        shift = head - (turn @ head[..., None])[..., 0]
        if parent >= 0:
            above = out[:, parent, :, :3]
            shift = np.einsum("tij,tj->ti", above, shift) + out[:, parent, :, 3]
            turn = above @ turn
        out[:, bone, :, :3], out[:, bone, :, 3] = turn, shift
    return out.astype(np.float32)


@nb.njit(cache=True)
def skin(rest, bones, weights, transforms, out):
    """Linear blend skinning of one frame: `rest` (N, 3) by `transforms` (B, 3, 4) into `out` (N, 3)."""
    for n in range(rest.shape[0]):
        x, y, z = rest[n, 0], rest[n, 1], rest[n, 2]
        px = py = pz = np.float32(0)
        for k in range(bones.shape[1]):
            w = weights[n, k]
            if w == 0:
                continue
            m = transforms[bones[n, k]]
            px += w * (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3])
            py += w * (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3])
            pz += w * (m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3])
        out[n, 0], out[n, 1], out[n, 2] = px, py, pz


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (N, 3), area-weighted over `faces`; zero where a vertex has none."""
    out = np.zeros_like(vertices)
    add_normals(vertices, faces, out)
    return out


@nb.njit(cache=True)
def add_normals(vertices, faces, out):
    """Write unit vertex normals of `faces` (F, 3) into `out` (N, 3)."""
    out[:] = 0
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for n in (a, b, c):
            out[n, 0] += nx
            out[n, 1] += ny
            out[n, 2] += nz
    for n in range(out.shape[0]):
        length = np.sqrt(out[n, 0] ** 2 + out[n, 1] ** 2 + out[n, 2] ** 2)
        if length > 0:
            out[n, 0] /= length
            out[n, 1] /= length
            out[n, 2] /= length
