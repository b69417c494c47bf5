"""Quality metrics of the IUV maps of a clip."""

from dataclasses import dataclass, fields

import numpy as np

from .agreement import agreement
from .maps import ClipMaps


@dataclass(frozen=True)
class Quality:
    """Figures of a clip; None where there is nothing to measure."""

    detection_rate: float
    """Share of the frames on which somebody was found."""
    mean_score: float | None
    """Mean score in [0, 1] of the followed person; None for maps from files."""
    people_max: int
    """Most people on a frame."""
    people_mean: float
    """Mean number of people on a frame."""
    frames_with_several: int
    """Frames with more than one person."""
    near_ties: int
    """Frames on which another person was nearly as good a choice."""
    body_share: float
    """Mean share of body pixels on a frame."""
    part_flicker: float | None
    """Share of the pixels that are body in frame t-1, t or t+1 on which t-1 and t+1 agree on the part, but t has another one."""
    uv_flicker: float | None
    """Mean of |x(t) - (x(t-1) + x(t+1)) / 2| in levels of 0..255, x = U and V, over body pixels with one part in all three frames."""
    reference_silhouette_iou: float | None
    """`agreement` with the maps that lie beside the video, where a network has made these."""
    reference_part_accuracy: float | None
    reference_part_miou: float | None
    reference_u_error: float | None
    reference_v_error: float | None

    def known(self) -> dict[str, float | int]:
        """The metrics that are not None, by name."""
        return {name: value for name in FIGURES if (value := getattr(self, name)) is not None}


FIGURES = tuple(field.name for field in fields(Quality))
"""Names of the metrics, in order."""
REFERENCE = "reference_"
"""How the names of those begin that compare with other maps."""


def measure(maps: ClipMaps, reference: np.ndarray | None = None) -> Quality:
    """Figures of a clip's maps, also against those of `reference` (T, S, S, 3) uint8 if there are any.

    Flicker is change beyond steady motion: three frames in a row are compared, and a chart that moves on evenly has none. Frames that the
    policy for missing ones filled in are left out of it.
    """
    scores = maps.scores[np.isfinite(maps.scores)]
    body_share, part_flicker, uv_flicker = _walk(maps.iuv, maps.held)
    against = {} if reference is None else agreement(maps.iuv, reference)
    return Quality(
        detection_rate=1 - float(maps.held.mean()),
        mean_score=float(scores.mean()) if len(scores) else None,
        people_max=int(maps.people.max()),
        people_mean=float(maps.people.mean()),
        frames_with_several=int((maps.people > 1).sum()),
        near_ties=int(maps.near_ties.sum()),
        body_share=body_share,
        part_flicker=part_flicker,
        uv_flicker=uv_flicker,
        **{name: against.get(name.removeprefix(REFERENCE)) for name in FIGURES if name.startswith(REFERENCE)},
    )


def _walk(iuv: np.ndarray, held: np.ndarray) -> tuple[float, float | None, float | None]:
    """Body share, flicker of the parts and of U, V of maps (T, H, W, 3), three frames at a time."""
    body = union = flips = same = change = 0
    window: list[np.ndarray] = []
    for frame, left_out in zip(iuv, held, strict=True):
        planes = np.ascontiguousarray(frame.transpose(2, 0, 1))
        body += np.count_nonzero(planes[0])
        window = [] if left_out else [*window[-2:], planes]
        if len(window) == 3:
            counts = _compare(*window)
            union, flips, same, change = (total + count for total, count in zip((union, flips, same, change), counts, strict=True))
    part_flicker, uv_flicker = float(flips / union) if union else None, float(change / (4 * same)) if same else None
    return float(body / iuv[..., 0].size), part_flicker, uv_flicker


def _compare(before: np.ndarray, now: np.ndarray, after: np.ndarray) -> tuple[int, int, int, int]:
    """Of three maps (3, H, W) in a row: pixels that are body in any, pixels whose part flips for one frame, body pixels whose part stays,
    and the sum over these, U and V, of |2 x(t) - x(t-1) - x(t+1)|."""
    agree, stays = before[0] == after[0], before[0] == now[0]
    union = np.count_nonzero(before[0] | now[0] | after[0])
    flips = np.count_nonzero(agree & ~stays)
    same = agree & stays & (now[0] > 0)
    second = np.abs(2 * now[1:].astype(np.int16) - before[1:] - after[1:])
    return union, flips, np.count_nonzero(same), int((second * same).sum(dtype=np.int64))
