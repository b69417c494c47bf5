"""Where things are on the mean body: how far along an arm or a leg, hairline, cloth coordinates. All garments are cut by these."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .body import Body, load_body
from .chart import GROUPS, HEAD, TORSO, Regions

OFF_LIMB = -1.0
CLOTH_RADIUS = {
    "torso": 0.14,
    "head": 0.1,
    "upper_arm": 0.05,
    "lower_arm": 0.045,
    "hand": 0.04,
    "upper_leg": 0.08,
    "lower_leg": 0.06,
    "foot": 0.05,
}


def group_of_bone(name: str) -> str:
    """The group that a bone's weight counts for."""
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
class Anatomy:
    """Facts of every vertex (N, ...) of the mean body and its helper meshes."""

    points: np.ndarray
    """(N, 3) metres."""
    group: np.ndarray
    """(N,) index into `chart.GROUPS` of the strongest group."""
    arm: np.ndarray
    """0 at the shoulder, 1 at the elbow, 2 at the wrist; negative away from the arms."""
    leg: np.ndarray
    """0 at the hip, 1 at the knee, 2 at the ankle; -1 above the crotch."""
    on_arm: np.ndarray
    """Share of the weight that belongs to arms and hands."""
    regions: Regions

    @property
    def behind(self) -> np.ndarray:
        """(N,) metres behind the trunk's centre line."""
        return self.regions.torso.behind(self.points)

    @property
    def hairline(self) -> np.ndarray:
        """(N,) metres above the hairline, negative off the scalp."""
        y = [-0.17, -0.15, -0.12, -0.10, -0.085, -0.07, -0.055, -0.03, 0.0, 0.04]
        z = [0.99, 0.985, 0.98, 0.972, 0.955, 0.93, 0.915, 0.87, 0.835, 0.82]
        return self.points[:, 2] - np.interp(self.points[:, 1], y, z)

    def cloth(self, faces: np.ndarray, points: np.ndarray, group: np.ndarray) -> np.ndarray:
        """Cloth coordinates (F, 3, 2) in metres, around and upwards, of the corners of `faces`; continuous in a face.

        `group` (F,) is the group whose frame a face is measured in.
        """
        corners = points[faces]
        around, up = np.empty(faces.shape), corners[..., 2].copy()
        for index in np.unique(group):
            mine = group == index
            name = GROUPS[index]
            radius = CLOTH_RADIUS[name.split(".")[0]]
            where = corners[mine].reshape(-1, 3)
            if name in self.regions.limbs:
                limb = self.regions.limbs[name]
                outward, forward = limb.across(where)
                angle = np.arctan2(outward, forward)
                up[mine] = -(limb.along(where) * limb.length).reshape(-1, 3)
            else:
                line = self.regions.torso if name == TORSO else self.regions.head
                angle = np.arctan2(where[:, 0], -line.behind(where))
            angle = angle.reshape(-1, 3)
            wraps = angle.max(1) - angle.min(1) > np.pi
            angle = angle + 2 * np.pi * (wraps[:, None] & (angle < 0))
            around[mine] = angle * radius
        return np.stack([around, up], -1)


@lru_cache(maxsize=1)
def anatomy() -> Anatomy:
    """The anatomy of the package's body, computed once a process."""
    body = load_body()
    regions = Regions(body)
    points = body.mean.astype(np.float64)
    weights = group_weights(body)
    arm, leg = np.full(len(points), OFF_LIMB), np.full(len(points), OFF_LIMB)
    on_arm = np.zeros(len(points))
    for side, sign in (("L", 1), ("R", -1)):
        mine = sign * points[:, 0] > 0
        share = sum(weights[:, GROUPS.index(f"{limb}.{side}")] for limb in ("upper_arm", "lower_arm", "hand"))
        on_arm = np.where(mine, share, on_arm)
        reach = two_bones(regions, ("upper_arm", "lower_arm"), side, points)
        arm = np.where(mine, share * reach + (1 - share) * OFF_LIMB * 0.3, arm)
        reach = two_bones(regions, ("upper_leg", "lower_leg"), side, points)
        leg = np.where((sign * points[:, 0] >= 0) & (points[:, 2] < 0.12) & (share < 0.1), reach, leg)
    return Anatomy(points, weights.argmax(1), arm, leg, on_arm, regions)


def two_bones(regions: Regions, limbs: tuple[str, str], side: str, points: np.ndarray) -> np.ndarray:
    """Position along two bones in a row: 0..1 on the first, 1..2 on the second."""
    first = regions.limbs[f"{limbs[0]}.{side}"].along(points)
    second = 1 + regions.limbs[f"{limbs[1]}.{side}"].along(points)
    return np.where(first < 1, np.minimum(first, 1), np.maximum(second, 1))
