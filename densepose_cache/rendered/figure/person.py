"""A person: a shape, a skin, hair and clothes, drawn from one seed and assembled into one mesh."""

from dataclasses import dataclass, replace

import numpy as np

from ..clipping import Cuts
from . import garments, textures
from .anatomy import Anatomy, anatomy
from .body import MAN, WOMAN, Body, load_body
from .chart import GROUPS
from .garments import Piece

OUTFITS = {
    MAN: ("trousers", "trousers", "wide trousers", "shorts"),
    WOMAN: ("trousers", "wide trousers", "shorts", "skirt", "skirt", "dress", "dress"),
}
STYLES = ("trousers", "wide trousers", "shorts", "skirt", "dress")
TEXTURE_NAMES = ("skin", "face", "eye", "hair", "top", "sleeve", "bottom", "shoe")
SKIN, FACE, EYE, HAIR, TOP, SLEEVE, BOTTOM, SHOE = range(len(TEXTURE_NAMES))
GLOSS = np.array([0, 0, 0, 0.03, 0.11, 0.11, 0.11, 0.02], np.float32)
PLAIN_TILE = 0.3


@dataclass(frozen=True)
class Looks:
    """What was drawn for a person; all of it goes into the manifest."""

    sex: str
    coefficients: tuple[float, ...]
    skin: int
    hair: int
    long_hair: bool
    outfit: str
    top_print: str
    bottom_print: str
    sleeve: float
    neckline: str
    hem: float
    leg: float
    skirt_hem: float
    flare: float
    loose: float
    wide: float
    tucked: bool
    shoe_height: float


@dataclass(frozen=True)
class Figure:
    """A person as one mesh: the nude body's N vertices, the pieces' vertices, then the cut vertices."""

    looks: Looks
    rest: np.ndarray
    """(M, 3) float32 rest positions without the cuts; the first N are the nude body."""
    heads: np.ndarray
    """(B, 3) float32 bone heads."""
    bones: np.ndarray
    weights: np.ndarray
    """(M, 8) bones and weights."""
    faces: np.ndarray
    """(F, 3) int32."""
    cuts: Cuts
    corners: np.ndarray
    """(F, 3, 2) float32 texture coordinates in tiles."""
    material: np.ndarray
    """(F,) int32 texture number."""
    textures: np.ndarray
    """(8, S, S, 3) float32."""
    sway: np.ndarray
    """(M,) float32 how far a vertex swings."""


def draw_looks(body: Body, rng: np.random.Generator, outfit: str | None = None) -> Looks:
    """Draw a person; `outfit` (one of STYLES) fixes the kind of clothes."""
    sex = int(rng.integers(2))
    if outfit in ("skirt", "dress"):
        sex = WOMAN
    coefficients = body.draw_coefficients(rng, sex)
    outfit = outfit or str(rng.choice(OUTFITS[sex]))
    dress, skirt = outfit == "dress", outfit == "skirt"
    top = str(rng.choice(textures.PRINTS))
    bottom = top if dress else str(rng.choice(["plain", "plain", "plain", "melange", "bars", "check", "dots", "houndstooth"]))
    tucked = bool(skirt and rng.random() < 0.7) or bool(not dress and rng.random() < 0.2)
    leg = {"shorts": rng.uniform(0.5, 0.95), "trousers": rng.choice([1.78, 1.93]), "wide trousers": rng.uniform(1.86, 1.95)}.get(
        outfit, 0.0
    )
    return Looks(
        sex="woman" if sex == WOMAN else "man",
        coefficients=tuple(round(float(value), 4) for value in coefficients),
        skin=int(rng.integers(len(textures.SKIN))),
        hair=int(rng.integers(len(textures.HAIR))),
        long_hair=bool(rng.random() < (0.75 if sex == WOMAN else 0.08)),
        outfit=outfit,
        top_print=top,
        bottom_print=bottom,
        sleeve=float(rng.choice([0.08, 0.4, 0.6, 0.9, 1.88]) if sex == WOMAN else rng.choice([0.4, 0.6, 0.9, 1.88, 1.88])),
        neckline=str(rng.choice(garments.NECKLINES)),
        hem=0.25 if dress or tucked else float(rng.uniform(0.08, 0.2)),
        leg=float(leg),
        skirt_hem=float(rng.uniform(-0.42, 0.0)) if skirt or dress else 0.0,
        flare=float(rng.uniform(0.0, 0.8)),
        loose=float(rng.uniform(0.003, 0.014)),
        wide=float(rng.uniform(0.012, 0.024) if outfit == "wide trousers" else rng.uniform(0.001, 0.008)),
        tucked=tucked,
        shoe_height=float(rng.choice([1.9, 1.93, 1.93, 1.7])),
    )


def paint(looks: Looks, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Textures (8, S, S, 3) and the side of each one's tile in metres (8,)."""
    tone = textures.SKIN[looks.skin] * rng.uniform(0.94, 1.02)
    hair = textures.HAIR[looks.hair] * rng.uniform(0.85, 1.1)
    top, sleeve, top_tile = textures.cloth(looks.top_print, rng)
    bottom, _, bottom_tile = (top, sleeve, top_tile) if looks.outfit == "dress" else textures.cloth(looks.bottom_print, rng)
    shoe = np.broadcast_to(textures.colour(rng, (0, 0.5), (0.08, 0.9)), top.shape).astype(np.float32)
    stack = [
        textures.skin(tone, rng),
        textures.face(tone, hair, rng),
        textures.eye(rng),
        textures.strands(hair, rng),
        top,
        sleeve,
        bottom,
        shoe,
    ]
    tiles = [PLAIN_TILE, textures.FACE_TILE, textures.EYE_TILE, PLAIN_TILE, top_tile, top_tile, bottom_tile, PLAIN_TILE]
    return np.stack(stack), np.array(tiles)


def dress_up(
    looks: Looks, where: Anatomy, rest: np.ndarray, faces: dict[str, np.ndarray], rng: np.random.Generator
) -> tuple[list[Piece], np.ndarray]:
    """Pieces over a person's `rest` shape and the vertices (N,) bool of the nude body that they hide."""
    depth = {"crew": rng.uniform(0, 0.02), "scoop": rng.uniform(0.03, 0.07), "v": rng.uniform(0.06, 0.13), "high": 0.0}[looks.neckline]
    top = garments.top_field(where, looks.hem, looks.sleeve, garments.neckline_field(where, looks.neckline, depth))
    along_arm = np.clip(where.arm, 0, 2)
    flare = 0.02 * np.clip((0.32 - where.points[:, 2]) / 0.2, 0, 1) * (where.on_arm < 0.3)
    inside = looks.tucked or looks.outfit == "dress"
    offset = 0.003 if inside else 0.008 + flare
    offset = offset + looks.loose * (1 + 0.6 * along_arm)
    pieces = [garments.make_piece(where, rest, faces["tights"], top, offset, (TOP, SLEEVE), one_trunk=True)]
    hidden = top > garments.HIDING_MARGIN
    raised = 0.014 if inside else 0.0
    if looks.leg:
        waist = garments.WAIST + (0.03 if looks.tucked else 0)
        bottom = garments.trousers_field(where, waist, looks.leg)
        offset = 0.004 + raised + looks.wide * np.clip(where.leg, 0, 2)
        pieces.append(garments.make_piece(where, rest, faces["tights"], bottom, offset, (BOTTOM, BOTTOM)))
        hidden |= bottom > garments.HIDING_MARGIN
    else:
        pieces.append(garments.flared_skirt(where, rest, faces["skirt"], looks.skirt_hem, looks.flare, 0.006 + raised, BOTTOM))
        hidden |= garments.skirt_cover(where, looks.skirt_hem) > 0
    shoes = garments.shoe_field(where, looks.shoe_height)
    pieces.append(garments.make_piece(where, rest, faces["tights"], shoes, np.full(len(rest), 0.005), (SHOE, SHOE)))
    hidden |= shoes > garments.HIDING_MARGIN
    pieces.append(garments.hair_cap(where, rest, faces["body"], HAIR))
    if looks.long_hair:
        pieces.append(garments.long_hair(where, rest, faces["hair"], rng.uniform(0.5, 0.75), HAIR))
    return pieces, hidden


def nude_faces(where: Anatomy, body: Body, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Visible faces of body and eyes, their materials, and texture coordinates in metres: the view from the front."""
    skin = body.faces["body"]
    skin = skin[~hidden[skin].all(1)]
    centre = where.points[skin].mean(1)
    front = (where.group[skin] == GROUPS.index("head")).all(1) & (centre[:, 1] < -0.075) & (centre[:, 2] > 0.79)
    eyes = body.faces["eyes"]
    faces = np.concatenate([skin, eyes])
    material = np.concatenate([np.where(front, FACE, SKIN), np.full(len(eyes), EYE)])
    flat = where.points[:, [0, 2]]
    corners = flat[faces] - textures.FACE_CENTRE + textures.FACE_TILE / 2
    for sign in (-1, 1):
        mine = (material == EYE) & (sign * where.points[faces[:, 0], 0] > 0)
        ball = flat[np.unique(faces[mine])]
        corners[mine] = flat[faces[mine]] - (ball.min(0) + ball.max(0)) / 2 + textures.EYE_TILE / 2
    return faces, material, corners


def make_figure(rng: np.random.Generator, outfit: str | None = None) -> Figure:
    """Draw a person from `rng` and assemble its mesh."""
    body, where = load_body(), anatomy()
    looks = draw_looks(body, rng, outfit)
    rest, heads = body.shape(np.array(looks.coefficients))
    thickness = rng.uniform(0.006, 0.012) if looks.long_hair else rng.uniform(0.003, 0.024)
    rest = garments.with_hair_volume(where, rest, body.faces["body"], thickness)
    stack, tiles = paint(looks, rng)
    pieces, hidden = dress_up(looks, where, rest, body.faces, rng)
    faces, material, corners = nude_faces(where, body, hidden)
    return assemble(looks, body, rest, heads, pieces, (faces, material, corners), stack, tiles)


def resized(figure: Figure, height: float, breadth: float) -> Figure:
    """The same person, `height` times as high and `breadth` times as broad and deep."""
    factors = np.array([breadth, breadth, height], np.float32)
    return replace(figure, rest=figure.rest * factors, heads=figure.heads * factors)


def assemble(
    looks: Looks,
    body: Body,
    rest: np.ndarray,
    heads: np.ndarray,
    pieces: list[Piece],
    nude: tuple[np.ndarray, np.ndarray, np.ndarray],
    stack: np.ndarray,
    tiles: np.ndarray,
) -> Figure:
    """Join the `nude` faces (faces, materials, corners) and the pieces into one mesh: own vertices of all first, then all cuts."""
    first = len(rest) + np.cumsum([0, *(len(piece.source) for piece in pieces)])
    total = first[-1]
    cut_first = total + np.cumsum([0, *(len(piece.cuts) for piece in pieces)])
    faces, material, corners = [nude[0]], [nude[1]], [nude[2]]
    a, b, t = [], [], []
    for k, piece in enumerate(pieces):
        own = len(piece.source)
        place = np.concatenate([first[k] + np.arange(own), cut_first[k] + np.arange(len(piece.cuts))])
        faces.append(place[piece.faces])
        material.append(piece.material)
        corners.append(piece.corners)
        a.append(place[piece.cuts.a])
        b.append(place[piece.cuts.b])
        t.append(piece.cuts.t)
    source = np.concatenate([np.arange(len(rest)), *(piece.source for piece in pieces)])
    material = np.concatenate(material).astype(np.int32)
    return Figure(
        looks=looks,
        rest=rest[source] + np.concatenate([np.zeros_like(rest), *(piece.lift for piece in pieces)]),
        heads=heads,
        bones=body.skin_bones[source],
        weights=body.skin_weights[source],
        faces=np.concatenate(faces).astype(np.int32),
        cuts=Cuts(int(total), np.concatenate(a), np.concatenate(b), np.concatenate(t).astype(np.float32)),
        corners=(np.concatenate(corners) / tiles[material][:, None, None]).astype(np.float32),
        material=material,
        textures=np.ascontiguousarray(stack),
        sway=np.concatenate([np.zeros(len(rest), np.float32), *(piece.sway for piece in pieces)]),
    )
