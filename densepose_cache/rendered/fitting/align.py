"""Lay the body over a real IUV map: shape, pose and camera whose rendered map agrees with it. Used to fit and to measure the chart.

Every sampled pixel of the map names a point of the body's surface through the chart (its part, U, V); the distances in pixels between
those points, posed and projected, and their pixels are made small by Gauss-Newton steps with a robust weight and a Gaussian prior on
every parameter.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ..clipping import follow
from ..figure.body import Body, bone_transforms, load_body
from ..figure.chart import ChartMesh
from ..figure.motion import elbow_hinge
from ..raster import rasterise

DISTANCE = 5.0
SHAPE_COMPONENTS = 6
STANDING_ARMS = np.radians(32)
SAMPLES = 700
FAR_IN_CHART = 45.0
HEADINGS = (0.0, 1.2, -1.2, 2.4, -2.4)
CAMERA = ("log_scale", "x", "y")
BONES = {  # bone: prior deviations about x, y, z in radians; 0 keeps an axis still
    "root": (0.15, 0.1, 9.0),
    "spine03": (0.3, 0.3, 0.3),
    "head": (0.3, 0.3, 0.3),
    "upperarm01": (0.8, 0.8, 0.5),
    "upperleg01": (0.6, 0.3, 0.25),
    "lowerleg01": (0.6, 0.0, 0.0),
    "foot": (0.2, 0.0, 0.0),
    "clavicle": (0.0, 0.15, 0.0),
}
FOREARM = {"bend": 0.8, "twist": 0.4}


def parameter_table() -> dict[str, float]:
    """Names of all parameters and the deviations of their priors."""
    table = dict.fromkeys(CAMERA, 9.0)
    for bone, deviations in BONES.items():
        sides = ("",) if bone in ("root", "spine03", "head") else (".L", ".R")
        table |= {f"{bone}{side} {axis}": d for side in sides for axis, d in zip("xyz", deviations, strict=True) if d}
    table |= {f"{name}.{side}": d for side in "LR" for name, d in FOREARM.items()}
    return table | {f"shape{k}": 1.0 for k in range(SHAPE_COMPONENTS)}


TABLE = parameter_table()
INDEX = {name: k for k, name in enumerate(TABLE)}
DEVIATION = np.array(list(TABLE.values()))


@dataclass(frozen=True)
class Alignment:
    """Parameters of one map and the median distance in pixels that they leave."""

    parameters: np.ndarray
    distance: float


class Aligner:
    """Aligns one sex's body to square maps of `size` pixels by the chart `mesh`."""

    def __init__(self, mesh: ChartMesh, sex: int, size: int, rng: np.random.Generator):
        self.body: Body = load_body()
        self.mesh, self.size, self.rng = mesh, size, rng
        self.rest, self.heads = self.body.shape(self.body.coefficient_mean[sex])
        self.look_up = self._trees()

    def _trees(self) -> dict[int, tuple[cKDTree, np.ndarray]]:
        """For every part a tree over the U, V of its corners that are vertices of the body, and those vertices."""
        trees = {}
        for part in range(1, 25):
            mine = self.mesh.part == part
            faces, uv = self.mesh.faces[mine], self.mesh.uv[mine]
            own = faces < len(self.rest)
            trees[part] = cKDTree(uv[own]), faces[own]
        return trees

    def correspond(self, iuv: np.ndarray, ignore: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (n,) and pixel centres (n, 2) of a random sample of the map's body pixels, without the parts `ignore`."""
        rows, columns = np.nonzero((iuv[..., 0] > 0) & ~np.isin(iuv[..., 0], ignore))
        some = self.rng.permutation(len(rows))[:SAMPLES]
        rows, columns = rows[some], columns[some]
        vertices = np.full(len(rows), -1)
        for part in np.unique(iuv[rows, columns, 0]):
            mine = iuv[rows, columns, 0] == part
            tree, owners = self.look_up[part]
            gap, nearest = tree.query(iuv[rows[mine], columns[mine], 1:].astype(float))
            vertices[mine] = np.where(gap < FAR_IN_CHART, owners[nearest], -1)
        found = vertices >= 0
        return vertices[found], np.stack([columns, rows], 1)[found] + 0.5

    def rotations(self, parameters: np.ndarray) -> np.ndarray:
        """Bone rotations (P, B, 3, 3) of parameter vectors (P, n)."""
        out = np.tile(np.eye(3), (len(parameters), len(self.body.bones), 1, 1))

        def angle(name):
            return parameters[:, INDEX[name]] if name in INDEX else np.zeros(len(parameters))

        for bone in BONES:
            for side, sign in (("", 0), (".L", 1), (".R", -1)):
                name = f"{bone}{side}"
                if not any(f"{name} {axis}" in INDEX for axis in "xyz"):
                    continue
                x, y, z = (angle(f"{name} {axis}") for axis in "xyz")
                if bone == "upperarm01":
                    y = y + sign * STANDING_ARMS
                out[:, self.body.bone(name)] = Rotation.from_euler("yxz", np.stack([y, x, z], 1)).as_matrix()
        for side in "LR":
            hinge, axis = elbow_hinge(self.body, side)
            bend = Rotation.from_rotvec(angle(f"bend.{side}")[:, None] * hinge)
            twist = Rotation.from_rotvec(angle(f"twist.{side}")[:, None] * axis)
            out[:, self.body.bone(f"lowerarm01.{side}")] = (bend * twist).as_matrix()
        return out

    def pose(self, parameters: np.ndarray, vertices: np.ndarray) -> np.ndarray:
        """Posed points (P, n, 3) in metres of `vertices` (n,) for parameter vectors (P, n)."""
        first = INDEX["shape0"]
        shape = parameters[:, first : first + SHAPE_COMPONENTS]
        heads = self.heads + np.tensordot(shape, self.body.heads_basis[:SHAPE_COMPONENTS], 1)
        transforms = bone_transforms(self.rotations(parameters), heads, self.body.parents)
        rest = self.rest[vertices] + np.tensordot(shape, self.body.basis[:SHAPE_COMPONENTS, vertices], 1)
        blended = np.einsum("nk,tnkij->tnij", self.body.skin_weights[vertices], transforms[:, self.body.skin_bones[vertices]])
        return np.einsum("tnij,tnj->tni", blended[..., :3], rest) + blended[..., 3]

    def project(self, parameters: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Pixels (P, n, 2) of posed points (P, n, 3)."""
        depth = points[..., 1] + DISTANCE
        log_scale, x, y = (parameters[:, INDEX[name], None] for name in CAMERA)
        focal = np.exp(log_scale) * 0.46 * self.size * DISTANCE
        centre = self.size / 2
        return np.stack([centre + x + focal * points[..., 0] / depth, centre + y - focal * points[..., 2] / depth], -1)

    def solve(self, start: np.ndarray, vertices: np.ndarray, pixels: np.ndarray, steps: int, width: float) -> Alignment:
        """Gauss-Newton from `start` with Cauchy weights of `width` pixels."""
        parameters, step = start.copy(), 1e-3
        limits = np.where(np.isin(np.arange(len(TABLE)), [INDEX["x"], INDEX["y"]]), np.inf, 0.4)
        for _ in range(steps):
            trial = np.concatenate([parameters[None], parameters + step * np.eye(len(TABLE))])
            error = self.project(trial, self.pose(trial, vertices)) - pixels
            slopes = ((error[1:] - error[:1]) / step).reshape(len(TABLE), -1)
            weight = np.repeat(1 / (1 + (np.linalg.norm(error[0], axis=1) / width) ** 2), 2) / width**2
            prior = 0.01 * len(vertices) / DEVIATION**2
            normal = (slopes * weight) @ slopes.T
            normal += np.diag(prior + 0.01 * np.diag(normal))
            gradient = (slopes * weight) @ error[0].ravel() + prior * parameters
            parameters = parameters - np.clip(np.linalg.solve(normal, gradient), -limits, limits)
        error = self.project(parameters[None], self.pose(parameters[None], vertices))[0] - pixels
        return Alignment(parameters, float(np.median(np.linalg.norm(error, axis=1))))

    def align(self, iuv: np.ndarray, previous: Alignment | None = None, ignore: tuple[int, ...] = ()) -> Alignment:
        """Align to one map, from `previous` or from several headings, whatever ends best."""
        vertices, pixels = self.correspond(iuv, ignore)
        starts = [previous.parameters] if previous else []
        if previous is None or previous.distance > 0.016 * self.size:
            starts += [self._standing(heading, pixels) for heading in HEADINGS]
        best = min((self.solve(start, vertices, pixels, 8, 6.0) for start in starts), key=lambda found: found.distance)
        return self.solve(best.parameters, vertices, pixels, 6, 3.0)

    def _standing(self, heading: float, pixels: np.ndarray) -> np.ndarray:
        start = np.zeros(len(TABLE))
        start[INDEX["root z"]] = heading
        start[[INDEX["x"], INDEX["y"]]] = pixels.mean(0) - self.size / 2
        return start

    def render(self, alignment: Alignment) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Part (S, S), local coordinates (S, S, 2) and U, V (S, S, 2) of the aligned body."""
        mesh, size = self.mesh, self.size
        posed = np.empty((len(self.rest) + len(mesh.cuts), 3), np.float32)
        posed[: len(self.rest)] = self.pose(alignment.parameters[None], np.arange(len(self.rest)))[0]
        follow(posed, len(self.rest), mesh.cuts.a, mesh.cuts.b, mesh.cuts.t)
        pixels = self.project(alignment.parameters[None], posed[None])[0]
        owner = np.empty((size, size), np.int32)
        depth, second, third = (np.empty((size, size), np.float32) for _ in range(3))
        rasterise(np.column_stack([pixels, posed[:, 1]]).astype(np.float32), mesh.faces, owner, depth, second, third)
        drawn = owner >= 0
        face = owner[drawn]
        weights = np.stack([1 - second[drawn] - third[drawn], second[drawn], third[drawn]], 1)
        part = np.zeros((size, size), np.uint8)
        local, uv = np.zeros((size, size, 2)), np.zeros((size, size, 2))
        part[drawn] = mesh.part[face]
        local[drawn] = np.einsum("nk,nkc->nc", weights, mesh.local[face])
        uv[drawn] = np.einsum("nk,nkc->nc", weights, mesh.uv[face])
        return part, local, uv
