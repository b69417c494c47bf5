"""Joints of a body from its IUV map alone: of each the mean place of the surface that lies around it on the body at rest."""

import functools
from itertools import pairwise

import numpy as np

from densepose_cache.core.coco import JOINTS
from densepose_cache.rendered.figure.body import load_body
from densepose_cache.warp.surface import BINS, SHIFT, surface_table

AROUND = 0.05
"""Metres beyond the nearest surface over which what lies around a joint fades."""
ENOUGH = 0.001
"""Weight that a joint must find, as a share of the body's pixels, to be shown."""
ENDS = {"right_hand": (3,), "left_hand": (4,), "left_foot": (5,), "right_foot": (6,), "head": (23, 24)}
"""Parts whose middles are joints, too."""
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
BODY = tuple(name for name in JOINTS if name.split("_")[-1] in LIMBS)
NAMES = (*BODY, *ENDS)
"""The joints that are found, in order; left and right are the person's own."""
CHAINS = (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "foot"), ("shoulder", "hip"))
BONES = (
    *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for chain in CHAINS for a, b in pairwise(chain)),
    *((f"left_{name}", f"right_{name}") for name in ("shoulder", "hip")),
)
"""Pairs of joints that a line joins."""


def joints(iuv: np.ndarray) -> dict[str, tuple[float, float]]:
    """Places x, y in pixels (centres at integer + 0.5) of the joints, by name, that an IUV map (S, S, 3) uint8 shows."""
    rows, columns = np.nonzero(iuv[..., 0])
    if not len(rows):
        return {}
    part, u, v = iuv[rows, columns].astype(np.int64).T
    weights = _weights()[(part * BINS + (u >> SHIFT)) * BINS + (v >> SHIFT)]
    total = weights.sum(0)
    sums = weights.T @ np.column_stack([columns, rows]).astype(np.float32)
    shown = np.flatnonzero(total > ENOUGH * len(rows))
    return {NAMES[k]: tuple((sums[k] / total[k] + 0.5).tolist()) for k in shown}


@functools.lru_cache(maxsize=1)
def _weights() -> np.ndarray:
    """(25 * 64 * 64, J) float32: how much the surface of a part, U bin and V bin counts for each joint of NAMES."""
    body, table = load_body(), surface_table()
    places = np.einsum("kn,knc->kc", body.keypoint_weights, body.mean[body.keypoint_vertices].astype(np.float64))
    found = []
    for name in BODY:
        away = np.linalg.norm(table - places[JOINTS.index(name)].astype(np.float32), axis=-1)
        away[0] = np.inf
        found.append(np.exp(-(((away - away.min()) / AROUND) ** 2)))
    for parts in ENDS.values():
        found.append(np.zeros_like(found[0]))
        found[-1][list(parts)] = 1
    return np.ascontiguousarray(np.stack(found, -1).reshape(-1, len(found)), np.float32)
