"""The IUV chart of the body: DensePose's 24 parts and their U, V, analytic on the mean body.

The mean body's surface is divided into 14 groups (by skin weights), every group except hands and feet into two halves along a plane or
a centre line, and each half carries two local coordinates in [0, 1]: `p` along the bone and `q` around it. `chart_tables.py` turns them
into U and V with one monotone table per part, fitted on maps of real DensePose output.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from .body import Body, load_body
from .chart_tables import KNOTS, TABLES
from .clipping import Cuts, split

TORSO, HEAD = "torso", "head"
LIMBS = ("upper_arm", "lower_arm", "hand", "upper_leg", "lower_leg", "foot")
GROUPS = (TORSO, HEAD, *(f"{limb}.{side}" for limb in LIMBS for side in "LR"))
SIDE_PARTS = {  # group: (part of the half at the front or inside, part of the other half)
    TORSO: (2, 1),
    "upper_leg.R": (9, 7),
    "upper_leg.L": (10, 8),
    "lower_leg.R": (13, 11),
    "lower_leg.L": (14, 12),
    "upper_arm.L": (15, 17),
    "upper_arm.R": (16, 18),
    "lower_arm.L": (19, 21),
    "lower_arm.R": (20, 22),
}
WHOLE_PARTS = {"hand.R": 3, "hand.L": 4, "foot.L": 5, "foot.R": 6}
HEAD_PARTS = {"R": 23, "L": 24}
SEAM_TURN = {"upper_arm": 0.33, "lower_arm": 0.50, "upper_leg": 0.0, "lower_leg": 0.0}  # inward turn of the half's normal, of 90 degrees
SLICES = 12


def group_of_bone(name: str) -> str:
    """The chart group that a bone's weight counts for."""
    stem, _, side = name.partition(".")
    prefixes = {
        ("finger", "metacarpal", "wrist"): "hand",
        ("lowerarm",): "lower_arm",
        ("upperarm",): "upper_arm",
        ("upperleg",): "upper_leg",
        ("lowerleg",): "lower_leg",
        ("foot", "toe"): "foot",
    }
    for starts, limb in prefixes.items():
        if stem.startswith(starts):
            return f"{limb}.{side}"
    return HEAD if stem.startswith(("head", "neck02", "neck03", "eye")) else TORSO


def group_weights(body: Body) -> np.ndarray:
    """Share (N, 14) of every vertex's skin weight that belongs to each group."""
    of_bone = np.array([GROUPS.index(group_of_bone(name)) for name in body.bones])
    out = np.zeros((len(body.mean), len(GROUPS)), np.float32)
    for k in range(body.skin_bones.shape[1]):
        np.add.at(out, (np.arange(len(out)), of_bone[body.skin_bones[:, k]]), body.skin_weights[:, k])
    return out


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
        """Outward and forward coordinates in metres."""
        return (points - self.origin) @ self.outward, (points - self.origin) @ self.forward


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
            length = np.linalg.norm(end - start)
            axis = (end - start) / length
            outward = np.array([sign, 0, 0]) - axis * axis[0] * sign
            outward /= np.linalg.norm(outward)
            forward = np.array([0.0, -1, 0])
            forward -= axis * (forward @ axis) + outward * (forward @ outward)
            if limb == "foot":
                forward = np.array([0.0, 0, 1]) - axis * axis[2] - outward * outward[2]
            frames[f"{limb}.{side}"] = Limb(start, axis, length, outward, forward / np.linalg.norm(forward))
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


class LocalCoordinates:
    """Halves and local coordinates p, q of the groups of the mean body."""

    def __init__(self, body: Body):
        self.limbs = limb_frames(body)
        self.weights = group_weights(body)
        skin = np.unique(body.faces["body"])
        label = self.weights[skin].argmax(1)
        points = {group: body.mean[skin[label == k]].astype(np.float64) for k, group in enumerate(GROUPS)}
        self.torso, self.head = CentreLine(points[TORSO]), CentreLine(points[HEAD])
        self.reach = {group: np.percentile(limb.along(points[group]), [0.3, 99.7]) for group, limb in self.limbs.items()}

    def half_field(self, group: str, points: np.ndarray) -> np.ndarray | None:
        """Positive on the front (or inner, or the head's right) half, negative on the other; None for hands and feet."""
        if group == TORSO:
            return -self.torso.behind(points)
        if group == HEAD:
            return -points[:, 0]
        limb, _ = group.split(".")
        if limb not in SEAM_TURN:
            return None
        return self._turned(group, points)[1]

    def _turned(self, group: str, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates along the seam (outward side positive) and along the half's normal."""
        turn = SEAM_TURN[group.split(".")[0]] * np.pi / 2
        outward, forward = self.limbs[group].across(points)
        return np.cos(turn) * outward + np.sin(turn) * forward, np.cos(turn) * forward - np.sin(turn) * outward

    def __call__(self, group: str, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """p and q in [0, 1] of `points` (n, 3) of the mean body's surface.

        p runs down the torso, up the head and along limbs from the trunk. q is the angle over the half that a point lies on: on torso and
        limbs from the inner or right seam (0) to the outer or left one (1), on the head from the face (0) to its back (1); on hands and
        feet it runs right round, from the inner side over the palm or the sole and back.
        """
        if group == TORSO:
            across = np.arctan2(np.abs(self.torso.behind(points)) / 0.7, -points[:, 0])
            return 1 - self.torso.height(points), across / np.pi
        if group == HEAD:
            return self.head.height(points), np.arctan2(np.abs(points[:, 0]), -self.head.behind(points)) / np.pi
        low, high = self.reach[group]
        p = np.clip((self.limbs[group].along(points) - low) / (high - low), 0, 1)
        if group in WHOLE_PARTS:
            outward, forward = self.limbs[group].across(points)
            return p, (np.arctan2(forward, outward) + np.pi) / (2 * np.pi)
        seam, normal = self._turned(group, points)
        return p, 1 - np.arctan2(np.abs(normal), seam) / np.pi


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


def pieces(body: Body, local: LocalCoordinates) -> tuple[list[tuple[str, np.ndarray]], Cuts]:
    """The surface cut where the strongest group changes: pairs of group and faces, and the cuts.

    What one group has won leaves the contest, so that the next fields are clear of zero along the seams that are already cut.
    """
    cuts = Cuts.none(len(body.mean))
    weights, rest, out = local.weights, body.faces["body"], []
    for k, group in enumerate(GROUPS[:-1]):
        done = len(cuts)
        inside, rest, cuts = split(rest, weights[:, k] - weights[:, k + 1 :].max(1), cuts)
        weights = cuts.extend(weights, done)
        out.append((group, inside))
    return [*out, (GROUPS[-1], rest)], cuts


@lru_cache(maxsize=1)
def chart_mesh() -> ChartMesh:
    """The chart of the package's body, computed once a process."""
    body = load_body()
    local = LocalCoordinates(body)
    whole, cuts = pieces(body, local)
    points = cuts.extend(body.mean.astype(np.float64))
    faces, parts, coordinates = [], [], []

    def add(group: str, part: int, piece: np.ndarray):
        p, q = local(group, points[piece].reshape(-1, 3))
        if group in WHOLE_PARTS:
            q = unwrapped(q.reshape(-1, 3)).ravel()
        faces.append(piece)
        parts.append(np.full(len(piece), part, np.uint8))
        coordinates.append(np.stack([p, q], 1).reshape(-1, 3, 2))

    for group, piece in whole:
        field = local.half_field(group, points)
        if field is None:
            add(group, WHOLE_PARTS[group], piece)
            continue
        done = len(cuts)
        first, second, cuts = split(piece, field, cuts)
        points = cuts.extend(points, done)
        numbers = (HEAD_PARTS["R"], HEAD_PARTS["L"]) if group == HEAD else SIDE_PARTS[group]
        add(group, numbers[0], first)
        add(group, numbers[1], second)
    part, coordinates = np.concatenate(parts), np.concatenate(coordinates).astype(np.float32)
    return ChartMesh(np.concatenate(faces), part, coordinates, chart_values(part, coordinates), cuts)


def unwrapped(angle: np.ndarray) -> np.ndarray:
    """Angles (F, 3) of a face's corners without a jump over the seam: the side of the seam with more of the face wins."""
    wraps = angle.max(1) - angle.min(1) > 0.5
    high = (angle > 0.5).sum(1, keepdims=True) >= 2
    return np.where(wraps[:, None], np.where(high, np.maximum(angle, (angle < 0.5) * 1.0), angle * (angle <= 0.5)), angle)


def chart_values(part: np.ndarray, local: np.ndarray) -> np.ndarray:
    """U, V (F, 3, 2) in 0..255 of local coordinates (F, 3, 2) by the tables of each face's part."""
    out = np.empty_like(local)
    for number in range(1, 25):
        mine = part == number
        axes, u, v = TABLES[number]
        first, second = (local[mine][..., "pq".index(axis)] for axis in axes)
        out[mine, :, 0] = np.interp(first, KNOTS, u)
        out[mine, :, 1] = np.interp(second, KNOTS, v)
    return out
