"""The IUV chart of the body: DensePose's 24 parts and their U, V, laid over the mean body.

The mean body's surface is divided into 14 groups by a few planes and lines, and every group except hands and feet into two halves along two
seams. Each point of a half has two local coordinates in [0, 1]: `p` along the bone and `q` around it. The tables of `chart_tables.py` give
U and V at 5 x 5 of them. Seams and tables are fitted on maps of real DensePose output, see `fit_chart.py`.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from ..clipping import Cuts, split
from .body import Body, load_body
from .chart_tables import TABLES

TORSO, HEAD = "torso", "head"
LIMBS = ("upper_arm", "lower_arm", "hand", "upper_leg", "lower_leg", "foot")
GROUPS = (TORSO, HEAD, *(f"{limb}.{side}" for limb in LIMBS for side in "LR"))
PARTS = {  # group: part of the half at the front, inside or on the head's right, and part of the other half
    TORSO: (2, 1),
    HEAD: (23, 24),
    "upper_leg.R": (9, 7),
    "upper_leg.L": (10, 8),
    "lower_leg.R": (13, 11),
    "lower_leg.L": (14, 12),
    "upper_arm.L": (15, 17),
    "upper_arm.R": (16, 18),
    "lower_arm.L": (19, 21),
    "lower_arm.R": (20, 22),
    "hand.R": (3,),
    "hand.L": (4,),
    "foot.L": (5,),
    "foot.R": (6,),
}
SEAMS = {"upper_arm": (42, 190), "lower_arm": (95, 190), "upper_leg": (0, 184), "lower_leg": (-17, 216)}
"""Degrees around a limb, from outward over forward, between which the front or inner half lies."""
NECK = 0.783
"""Height in metres where the head begins."""
HIP_BACK = 0.155
HIP_FRONT = ([0, 0.025, 0.075, 0.12, 0.2], [0.085, 0.105, 0.150, 0.178, 0.205])
"""Height where the legs begin: behind, and in front at distances from the middle."""
SHOULDER_Z = [0.49, 0.55, 0.61, 0.67, 0.74]
SHOULDER_FRONT = [0.210, 0.195, 0.183, 0.168, 0.168]
SHOULDER_BACK = [0.240, 0.225, 0.197, 0.190, 0.178]
"""Distance from the middle where the arms begin, at those heights."""
ELBOW, WRIST, KNEE, ANKLE = 0.868, 1.02, 1.09, 0.975
"""Where the next limb begins, in lengths of the bone above."""
REACH = {
    "upper_arm": (-0.17, ELBOW),
    "lower_arm": (-0.20, WRIST),
    "hand": (0.0, 1.03),
    "upper_leg": (-0.04, KNEE),
    "lower_leg": (0.075, ANKLE),
    "foot": (0.0, 0.97),
}
"""Where p is 0 and 1 on a limb, in lengths of its bone."""
LEGS_END_X = 0.3
SLICES = 12
BLEND = 0.04


@dataclass(frozen=True)
class Limb:
    """Local frame of a limb of the mean body: `origin` and `axis` along the bone, `outward` and `forward` across it, all unit vectors."""

    origin: np.ndarray
    axis: np.ndarray
    length: float
    outward: np.ndarray
    forward: np.ndarray

    def along(self, points: np.ndarray) -> np.ndarray:
        """Position along the bone, 0 at its head and 1 at its end."""
        return (points - self.origin) @ self.axis / self.length

    def across(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outward and forward (on feet: upward) coordinates in metres."""
        return (points - self.origin) @ self.outward, (points - self.origin) @ self.forward


def make_limb(start: np.ndarray, end: np.ndarray, outward: np.ndarray, forward: np.ndarray) -> Limb:
    """A limb's frame; `outward` and `forward` are made orthogonal to the axis and to each other."""
    length = np.linalg.norm(end - start)
    axis = (end - start) / length
    outward = outward - axis * (outward @ axis)
    outward /= np.linalg.norm(outward)
    forward = forward - axis * (forward @ axis) - outward * (forward @ outward)
    return Limb(start, axis, length, outward, forward / np.linalg.norm(forward))


def limb_frames(body: Body) -> dict[str, Limb]:
    """Frames of the twelve limbs."""
    head = {name: body.heads[k].astype(np.float64) for k, name in enumerate(body.bones)}
    frames = {}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        wrist, finger = head[f"wrist.{side}"], head[f"finger3-3.{side}"]
        ankle, toe = head[f"foot.{side}"], head[f"toe2-3.{side}"]
        ends = {
            "upper_arm": (head[f"upperarm01.{side}"], head[f"lowerarm01.{side}"]),
            "lower_arm": (head[f"lowerarm01.{side}"], wrist),
            "hand": (wrist, finger + 0.12 * (finger - wrist)),
            "upper_leg": (head[f"upperleg01.{side}"], head[f"lowerleg01.{side}"]),
            "lower_leg": (head[f"lowerleg01.{side}"], ankle),
            "foot": (ankle + np.array([0, 0.06, -0.03]), toe + np.array([0, -0.03, 0])),
        }
        for limb, (start, end) in ends.items():
            forward = np.array([0.0, 0.0, 1.0] if limb == "foot" else [0.0, -1.0, 0.0])
            frames[f"{limb}.{side}"] = make_limb(start, end, np.array([sign, 0.0, 0.0]), forward)
    return frames


class CentreLine:
    """Half-way line y(z) between front and back of a part of the mean body."""

    def __init__(self, points: np.ndarray):
        self.low, self.high = points[:, 2].min(), points[:, 2].max()
        levels = np.linspace(self.low, self.high, SLICES)
        self.z = (levels[1:] + levels[:-1]) / 2
        slices = [points[(points[:, 2] >= a) & (points[:, 2] <= b), 1] for a, b in pairwise(levels)]
        self.y = np.array([(ys.min() + ys.max()) / 2 for ys in slices])

    def behind(self, points: np.ndarray) -> np.ndarray:
        """Distance behind the line in metres, negative in front of it."""
        return points[:, 1] - np.interp(points[:, 2], self.z, self.y)

    def height(self, points: np.ndarray) -> np.ndarray:
        """0 at the lowest, 1 at the highest point."""
        return (points[:, 2] - self.low) / (self.high - self.low)


class Regions:
    """Groups, halves and local coordinates of points on the mean body."""

    def __init__(self, body: Body):
        self.limbs = limb_frames(body)
        skin = body.mean[np.unique(body.faces["body"])].astype(np.float64)
        trunk = skin[(np.abs(skin[:, 0]) < SHOULDER_FRONT[-1]) & (skin[:, 2] > HIP_FRONT[1][0]) & (skin[:, 2] < NECK)]
        self.torso, self.head = CentreLine(trunk), CentreLine(skin[skin[:, 2] > NECK])

    def _backness(self, points: np.ndarray) -> np.ndarray:
        """0 in front of the trunk's centre line, 1 behind it, blended over a few centimetres."""
        return np.clip(self.torso.behind(points) / BLEND + 0.5, 0, 1)

    def leg_field(self, points: np.ndarray) -> np.ndarray:
        """Positive below the line where the legs begin."""
        side, backness = np.abs(points[:, 0]), self._backness(points)
        line = backness * HIP_BACK + (1 - backness) * np.interp(side, *HIP_FRONT)
        return line - points[:, 2] - 10 * np.maximum(0, side - LEGS_END_X)

    def arm_field(self, points: np.ndarray) -> np.ndarray:
        """Positive outside the line where the arms begin; legs are not asked for."""
        backness = self._backness(points)
        front, back = (np.interp(points[:, 2], SHOULDER_Z, x) for x in (SHOULDER_FRONT, SHOULDER_BACK))
        return np.abs(points[:, 0]) - backness * back - (1 - backness) * front

    def joint_field(self, upper: str, joint: float, points: np.ndarray) -> np.ndarray:
        """Positive beyond `joint` lengths of the limb `upper`."""
        return self.limbs[upper].along(points) - joint

    def half_field(self, group: str, points: np.ndarray) -> np.ndarray:
        """Positive on the front (or inner, or the head's right) half of a group that has two, negative on the other."""
        if group == TORSO:
            return -self.torso.behind(points)
        if group == HEAD:
            return -points[:, 0]
        start, end = np.radians(SEAMS[group.split(".")[0]])
        outward, forward = self.limbs[group].across(points)
        after = forward * np.cos(start) - outward * np.sin(start)
        before = outward * np.sin(end) - forward * np.cos(end)
        return np.minimum(after, before) if end - start < np.pi else np.maximum(after, before)

    def local(self, group: str, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """p and q in [0, 1] of `points` (n, 3) on a group of the mean body's surface.

        p runs down the torso, up the head and along limbs from the trunk. q is the angle over the half that a point lies on: on torso and
        limbs from the inner or right seam (0) to the outer or left one (1), on the head from the face (0) to its back (1). On hands it
        runs right round from the inner side over the back of the hand, on feet from the sole over the inner side and the instep.
        """
        if group == TORSO:
            across = np.arctan2(np.abs(self.torso.behind(points)) / 0.7, -points[:, 0])
            return np.clip(1 - self.torso.height(points), 0, 1), across / np.pi
        if group == HEAD:
            return np.clip(self.head.height(points), 0, 1), np.arctan2(np.abs(points[:, 0]), -self.head.behind(points)) / np.pi
        limb = group.split(".")[0]
        low, high = REACH[limb]
        p = np.clip((self.limbs[group].along(points) - low) / (high - low), 0, 1)
        outward, forward = self.limbs[group].across(points)
        if limb == "hand":
            return p, (np.arctan2(forward, outward) + np.pi) / (2 * np.pi)
        if limb == "foot":
            return p, (np.arctan2(forward, -outward) + np.pi / 2) / (2 * np.pi) % 1
        start, end = SEAMS[limb]
        angle = (np.degrees(np.arctan2(forward, outward)) - start) % 360
        width = end - start
        return p, np.where(angle < width, 1 - angle / width, (angle - width) / (360 - width))


@dataclass(frozen=True)
class ChartMesh:
    """The body's surface cut along the part seams: every face lies in one part."""

    faces: np.ndarray
    """(F, 3) int32 vertices of the body, then of `cuts`."""
    part: np.ndarray
    """(F,) uint8 part 1..24."""
    local: np.ndarray
    """(F, 3, 2) float32 local coordinates p, q of the corners."""
    uv: np.ndarray
    """(F, 3, 2) float32 U, V of the corners in 0..255."""
    cuts: Cuts


class Cutter:
    """The body's surface while it is being cut: `points` (N, 3) grow with the cuts."""

    def __init__(self, body: Body):
        self.cuts = Cuts.none(len(body.mean))
        self.points = body.mean.astype(np.float64)

    def split(self, faces: np.ndarray, field) -> tuple[np.ndarray, np.ndarray]:
        """Faces where `field(points)` is positive, and the others."""
        done = len(self.cuts)
        positive, negative, self.cuts = split(faces, field(self.points), self.cuts)
        self.points = self.cuts.extend(self.points, done)
        return positive, negative


def cut_groups(cutter: Cutter, regions: Regions, faces: np.ndarray) -> dict[str, np.ndarray]:
    """Faces of every group."""
    groups = {}
    groups[HEAD], rest = cutter.split(faces, lambda points: points[:, 2] - NECK)
    legs, rest = cutter.split(rest, regions.leg_field)
    arms, groups[TORSO] = cutter.split(rest, regions.arm_field)
    for chain, piece, joints in (
        (("upper_leg", "lower_leg", "foot"), legs, (KNEE, ANKLE)),
        (("upper_arm", "lower_arm", "hand"), arms, (ELBOW, WRIST)),
    ):
        for side, limb in zip("LR", cutter.split(piece, lambda points: points[:, 0]), strict=True):
            rest = limb
            for upper, joint in zip(chain, joints, strict=False):
                name = f"{upper}.{side}"
                rest, groups[name] = cutter.split(rest, lambda points, name=name, joint=joint: regions.joint_field(name, joint, points))
            groups[f"{chain[-1]}.{side}"] = rest
    return groups


@lru_cache(maxsize=1)
def chart_mesh() -> ChartMesh:
    """The chart of the package's body, computed once a process."""
    body = load_body()
    regions, cutter = Regions(body), Cutter(body)
    faces, parts, coordinates = [], [], []
    for group, piece in cut_groups(cutter, regions, body.faces["body"]).items():
        numbers = PARTS[group]
        halves = (piece,) if len(numbers) == 1 else cutter.split(piece, lambda points, group=group: regions.half_field(group, points))
        for number, half in zip(numbers, halves, strict=True):
            p, q = (value.reshape(-1, 3) for value in regions.local(group, cutter.points[half].reshape(-1, 3)))
            faces.append(half)
            parts.append(np.full(len(half), number, np.uint8))
            coordinates.append(np.stack([p, unwrapped(q) if len(numbers) == 1 else q], -1))
    part, coordinates = np.concatenate(parts), np.concatenate(coordinates).astype(np.float32)
    return ChartMesh(np.concatenate(faces), part, coordinates, chart_values(part, coordinates, TABLES), cutter.cuts)


def unwrapped(angle: np.ndarray) -> np.ndarray:
    """Angles (F, 3) in [0, 1] of a face's corners without a jump over the seam 0 = 1: the side with more corners wins."""
    wraps = angle.max(1, keepdims=True) - angle.min(1, keepdims=True) > 0.5
    high = angle > 0.5
    to_one = wraps & (high.sum(1, keepdims=True) >= 2)
    return np.where(to_one & ~high, 1.0, np.where(wraps & ~to_one & high, 0.0, angle))


def chart_values(part: np.ndarray, local: np.ndarray, tables: dict[int, np.ndarray]) -> np.ndarray:
    """U, V (F, 3, 2) in 0..255 of local coordinates (F, 3, 2) by the table (2, 5, 5) of each face's part: bilinear in p and q."""
    out = np.empty_like(local)
    for number, table in tables.items():
        mine = part == number
        out[mine] = np.moveaxis(bilinear(np.asarray(table, np.float32), local[mine]), 0, -1)
    return out


def bilinear(table: np.ndarray, local: np.ndarray) -> np.ndarray:
    """Values (C, ...) of a table (C, n, n) over [0, 1] x [0, 1] at `local` (..., 2)."""
    last = table.shape[-1] - 1
    where = np.clip(local, 0, 1) * last
    cell = np.minimum(where.astype(int), last - 1)
    (fp, fq), (i, j) = np.moveaxis(where - cell, -1, 0), np.moveaxis(cell, -1, 0)
    upper = table[:, i, j] * (1 - fq) + table[:, i, j + 1] * fq
    lower = table[:, i + 1, j] * (1 - fq) + table[:, i + 1, j + 1] * fq
    return upper * (1 - fp) + lower * fp
