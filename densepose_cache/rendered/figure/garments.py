"""Clothes and hair: pieces cut from MakeHuman's helper meshes by fields on the mean body, and laid over a person's shape."""

from dataclasses import dataclass

import numpy as np

from ..clipping import Cuts, split
from .anatomy import Anatomy
from .body import vertex_normals
from .chart import GROUPS, TORSO

WAIST, CHEST_FRONT, NECK_SIDE, NECK_BACK = 0.29, 0.715, 0.775, 0.77
HIDING_MARGIN = 0.012
NECKLINES = ("crew", "scoop", "v", "high")


@dataclass
class Piece:
    """A layer over the body: its own vertices, then those of its cuts."""

    source: np.ndarray
    """(n,) vertices of the body that the piece's vertices are copies of."""
    faces: np.ndarray
    """(F, 3) int32 local vertices."""
    cuts: Cuts
    lift: np.ndarray
    """(n, 3) float32 displacement in the rest pose, metres."""
    material: np.ndarray
    """(F,) number of the texture."""
    corners: np.ndarray
    """(F, 3, 2) float32 texture coordinates, metres."""
    sway: np.ndarray
    """(n,) float32 how far the piece swings."""


def cut_piece(faces: np.ndarray, field: np.ndarray) -> tuple[np.ndarray, np.ndarray, Cuts]:
    """Source vertices, local faces and local cuts of the part of `faces` where `field` (N,) is positive."""
    inside, _, cuts = split(faces, field, Cuts.none(len(field)))
    own = np.unique(np.concatenate([inside[inside < len(field)], cuts.a, cuts.b]))
    place = np.concatenate([np.full(len(field), -1), len(own) + np.arange(len(cuts))])
    place[own] = np.arange(len(own))
    return own, place[inside].astype(np.int32), Cuts(len(own), place[cuts.a], place[cuts.b], cuts.t)


def make_piece(
    anatomy: Anatomy,
    rest: np.ndarray,
    faces: np.ndarray,
    field: np.ndarray,
    offset: np.ndarray,
    materials: tuple[int, int],
    one_trunk: bool = False,
) -> Piece:
    """A piece that stands `offset` (N,) metres off the person's `rest` shape (N, 3).

    `materials` is (trunk, limb): texture numbers of faces on the trunk and on arms. With `one_trunk` the print runs from the trunk over the
    hips without a break.
    """
    source, local, cuts = cut_piece(faces, field)
    normals = vertex_normals(rest, faces)[source]
    lift = (normals * offset[source, None]).astype(np.float32)
    points = cuts.extend(anatomy.points[source])
    group = face_group(anatomy, source, local, cuts)
    on_arm = np.isin(group, [GROUPS.index(name) for name in GROUPS if "arm" in name or "hand" in name])
    if one_trunk:
        group = np.where(on_arm, group, GROUPS.index(TORSO))
    corners = anatomy.cloth(local, points, group).astype(np.float32)
    material = np.where(on_arm, materials[1], materials[0])
    return Piece(source, local, cuts, lift, material, corners, np.zeros(len(source), np.float32))


def face_group(anatomy: Anatomy, source: np.ndarray, faces: np.ndarray, cuts: Cuts) -> np.ndarray:
    """(F,) group that most corners of a face lie in; a cut vertex counts for its first parent's."""
    group = np.concatenate([anatomy.group[source], anatomy.group[source][cuts.a]])[faces]
    return np.where(group[:, 1] == group[:, 2], group[:, 1], group[:, 0])


def neckline_field(anatomy: Anatomy, kind: str, depth: float) -> np.ndarray:
    """Metres below the neckline; `depth` in metres is how far it reaches down the chest."""
    x, z = np.abs(anatomy.points[:, 0]), anatomy.points[:, 2]
    lowest = CHEST_FRONT + 0.07 if kind == "high" else CHEST_FRONT - depth
    side = NECK_SIDE + (0.035 if kind == "high" else 0)
    width = 0.085
    reach = np.clip(x / width, 0, 1)
    rise = reach if kind == "v" else reach**2.5
    front = lowest + (side - lowest) * rise
    back = NECK_BACK + (0.04 if kind == "high" else 0)
    behind = np.clip((anatomy.points[:, 1] + 0.06) / 0.05, 0, 1)
    return front * (1 - behind) + back * behind + 0.6 * np.maximum(0, x - width) - z


def top_field(anatomy: Anatomy, hem: float, sleeve: float, neckline: np.ndarray) -> np.ndarray:
    """Positive where a shirt is: above `hem` (z in metres), below the neckline, up to `sleeve` along the arm (0 shoulder .. 2 wrist)."""
    arms = 9.0 * (anatomy.on_arm > 0.5)
    return np.minimum.reduce([anatomy.points[:, 2] - hem + arms, neckline + arms, (sleeve - anatomy.arm) * 0.3])


def trousers_field(anatomy: Anatomy, waist: float, length: float) -> np.ndarray:
    """Positive where trousers are: below `waist` (z in metres), up to `length` along the leg (1 knee, 2 ankle)."""
    return np.minimum(waist - anatomy.points[:, 2] - 9.0 * (anatomy.on_arm > 0.1), (length - anatomy.leg) * 0.4)


def shoe_field(anatomy: Anatomy, height: float) -> np.ndarray:
    """Positive on the feet, from `height` along the leg (2 ankle)."""
    return (anatomy.leg - height) * 0.4


def flared_skirt(anatomy: Anatomy, rest: np.ndarray, faces: np.ndarray, hem: float, flare: float, lift: float, material: int) -> Piece:
    """MakeHuman's skirt cut at `hem` (z in metres) and widened downwards by `flare` (share of its width per metre)."""
    field = anatomy.points[:, 2] - hem
    piece = make_piece(anatomy, rest, faces, field, np.full(len(rest), lift), (material, material), one_trunk=True)
    below = np.clip(WAIST - anatomy.points[piece.source, 2], 0, 1)
    centre = rest[np.unique(faces)].mean(0)
    piece.lift[:, :2] += (rest[piece.source, :2] - centre[:2]) * (flare * below)[:, None]
    piece.sway = (below**1.4).astype(np.float32)
    return piece


def skirt_cover(anatomy: Anatomy, hem: float) -> np.ndarray:
    """Metres inside a skirt that ends at `hem`, for hiding what lies under it; negative elsewhere."""
    under = np.minimum(WAIST - 0.02 - anatomy.points[:, 2], anatomy.points[:, 2] - hem - 0.02)
    return np.where(anatomy.on_arm > 0.1, -1.0, under)


def with_hair_volume(anatomy: Anatomy, rest: np.ndarray, faces: np.ndarray, thickness: float) -> np.ndarray:
    """The `rest` shape with its scalp lifted by up to `thickness` metres away from the hairline: DensePose sees hair as head."""
    on_scalp = (anatomy.group == GROUPS.index("head")) * np.clip(anatomy.hairline / 0.04, 0, 1)
    return rest + vertex_normals(rest, faces) * (thickness * on_scalp)[:, None].astype(np.float32)


def hair_cap(anatomy: Anatomy, rest: np.ndarray, faces: np.ndarray, material: int) -> Piece:
    """Short hair: a thin layer over the scalp above the hairline."""
    field = np.where(anatomy.group == GROUPS.index("head"), anatomy.hairline, -1.0)
    return make_piece(anatomy, rest, faces, field, np.full(len(rest), 0.003), (material, material))


def long_hair(anatomy: Anatomy, rest: np.ndarray, faces: np.ndarray, length: float, material: int) -> Piece:
    """MakeHuman's long hair down to the height `length` (z in metres), without what hangs over the face and the chest."""
    y, z = anatomy.points[:, 1], anatomy.points[:, 2]
    clear_of_face = np.maximum(y + 0.075, (z - 0.985) * 2)
    field = np.minimum(z - length, clear_of_face)
    return make_piece(anatomy, rest, faces, field, np.full(len(rest), 0.012), (material, material))
