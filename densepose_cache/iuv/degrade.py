"""Give exact IUV maps the defects of real DensePose output, so that a model trained on them can read real maps."""

import numpy as np
from scipy import ndimage

HANDS, FEET, HEAD = (3, 4), (5, 6), (23, 24)
LIMBS = ((15, 17), (16, 18), (19, 21), (20, 22), (7, 9), (8, 10), (11, 13), (12, 14))


def degrade_iuv(iuv: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A degraded copy of one clip's maps (T, H, W, 3) uint8 (I in 0..24, U, V in 0..255); the input is left as it is.

    How bad a clip gets is drawn once per clip, where and when is drawn per frame. The defects: parts that swell or shrink at their outline,
    seams between parts that wander, hands and feet that become mittens or vanish, heads that are cut at the top, holes, a part that is
    missing for a few frames, and U, V that flicker. I stays in 0..24, and U and V stay 0 outside the body. Raises ValueError for another
    shape or type.
    """
    if iuv.ndim != 4 or iuv.shape[3] != 3 or iuv.dtype != np.uint8:
        raise ValueError(f"a clip of IUV maps is uint8 (T, H, W, 3), not {iuv.dtype} {iuv.shape}")
    out = iuv.copy()
    unit = max(0.5, iuv.shape[1] / 256)
    body = (iuv[..., 0] > 0).any(0)
    if not body.any():
        return out
    margin = int(np.ceil(8 * unit))
    rows, columns = (
        slice(max(0, side[0] - margin), side[-1] + margin + 1) for side in (np.flatnonzero(body.any(1)), np.flatnonzero(body.any(0)))
    )
    spoil(out[:, rows, columns], rng, unit)
    out[out[..., 0] == 0] = 0
    return out


def spoil(out: np.ndarray, rng: np.random.Generator, unit: float):
    """Apply every defect to the maps `out` in place; `unit` is the length in pixels of one pixel at 256."""
    swell_outline(out, rng, unit)
    jitter_seams(out, rng, unit)
    for parts in (HANDS, FEET):
        spoil_extremities(out, rng, parts, unit)
    cut_heads(out, rng)
    blank_parts(out, rng)
    punch_holes(out, rng, unit)
    flicker(out, rng)


def spells(frames: int, rng: np.random.Generator, share: float, length: float) -> np.ndarray:
    """(T,) bool: about `share` of all frames, in runs of about `length` frames."""
    out = np.zeros(frames, bool)
    start = 0
    while start < frames:
        run = 1 + rng.geometric(1 / max(length, 1))
        out[start : start + run] = rng.random() < share
        start += run
    return out


def nearest_of(iuv: np.ndarray, keep: np.ndarray, where: np.ndarray):
    """Overwrite the pixels `where` (H, W) with their nearest pixel of `keep` (H, W)."""
    if keep.any() and where.any():
        rows, columns = ndimage.distance_transform_edt(~keep, return_distances=False, return_indices=True)
        iuv[where] = iuv[rows[where], columns[where]]


def swell_outline(iuv: np.ndarray, rng: np.random.Generator, unit: float):
    """Grow or shrink the body by up to two pixels (at 256), unevenly along its outline, drifting over time. Most grow."""
    bias, strength = (0.5 + 0.8 * rng.normal()) * unit, rng.uniform(0.3, 1.3) * unit
    height, width = iuv.shape[1:3]
    pattern = ndimage.gaussian_filter(rng.normal(size=(height, width)), 8 * unit, mode="wrap")
    pattern /= pattern.std()
    for frame in iuv:
        body = frame[..., 0] > 0
        if not body.any() or body.all():
            continue
        pattern = np.roll(pattern, rng.integers(-3, 4, 2), (0, 1))
        outside, nearest = ndimage.distance_transform_edt(~body, return_indices=True)
        signed = outside - ndimage.distance_transform_edt(body)
        wanted = signed < bias + strength * pattern
        grown = wanted & ~body
        frame[grown] = frame[nearest[0][grown], nearest[1][grown]]
        frame[body & ~wanted] = 0


def jitter_seams(iuv: np.ndarray, rng: np.random.Generator, unit: float):
    """Let the parts' borders wander: each pixel near a border takes the label and values from up to three pixels (at 256) away."""
    strength = rng.uniform(0.3, 1.5) * unit
    height, width = iuv.shape[1:3]
    waves = [ndimage.gaussian_filter(rng.normal(size=(height, width)), 4 * unit, mode="wrap") for _ in range(2)]
    waves = [wave / wave.std() for wave in waves]
    y, x = np.mgrid[:height, :width]
    for frame in iuv:
        waves = [np.roll(wave, rng.integers(-2, 3, 2), (0, 1)) for wave in waves]
        part = frame[..., 0]
        seam = ndimage.maximum_filter(part, 5) != ndimage.minimum_filter(part, 5)
        rows = np.clip(np.rint(y + strength * waves[0]), 0, height - 1).astype(int)
        columns = np.clip(np.rint(x + strength * waves[1]), 0, width - 1).astype(int)
        moved = frame[rows, columns]
        swap = seam & (part > 0) & (moved[..., 0] > 0)
        frame[swap] = moved[swap]


def spoil_extremities(iuv: np.ndarray, rng: np.random.Generator, parts: tuple[int, int], unit: float):
    """Hands or feet become mittens (a closed blob with smooth U, V), or are missing for a while."""
    mitten, share = rng.random() < 0.75, rng.choice([0.0, 0.1, 0.4])
    for part in parts:
        gone = spells(len(iuv), rng, share, 8)
        radius = max(1, round(rng.uniform(3, 6) * unit))
        disc = np.hypot(*np.mgrid[-radius : radius + 1, -radius : radius + 1]) <= radius
        for frame, missing in zip(iuv, gone, strict=True):
            mine = frame[..., 0] == part
            if not mine.any():
                continue
            if missing:
                frame[mine] = 0
            elif mitten:
                rows, columns = np.flatnonzero(mine.any(1)), np.flatnonzero(mine.any(0))
                top, left = max(0, rows[0] - 2 * radius), max(0, columns[0] - 2 * radius)
                window = slice(top, rows[-1] + 2 * radius + 1), slice(left, columns[-1] + 2 * radius + 1)
                close_mitten(frame[window], mine[window], disc)


def close_mitten(frame: np.ndarray, mine: np.ndarray, disc: np.ndarray):
    """Close the gaps of one hand or foot, the pixels `mine` of the window `frame`, by a `disc` and smooth its U and V."""
    radius = len(disc) // 2
    closed = ndimage.binary_closing(np.pad(mine, radius), disc)[radius:-radius, radius:-radius]
    nearest_of(frame, mine, closed & ~mine)
    weight = ndimage.gaussian_filter(mine.astype(float), radius)
    for channel in (1, 2):
        smooth = ndimage.gaussian_filter(np.where(mine, frame[..., channel], 0).astype(float), radius)
        frame[mine, channel] = np.rint(smooth[mine] / weight[mine]).astype(np.uint8)


def cut_heads(iuv: np.ndarray, rng: np.random.Generator):
    """In some clips the top of the head is cut off straight, as detection boxes do, by a share that changes slowly."""
    if rng.random() > 0.4:
        return
    depth = rng.uniform(0.05, 0.45)
    for frame, cut in zip(iuv, spells(len(iuv), rng, 0.5, 12), strict=True):
        head = np.isin(frame[..., 0], HEAD)
        rows = np.flatnonzero(head.any(1))
        if cut and len(rows):
            line = rows[0] + depth * (rows[-1] - rows[0]) * rng.uniform(0.9, 1.1)
            head[int(line) :] = False
            frame[head] = 0


def blank_parts(iuv: np.ndarray, rng: np.random.Generator):
    """Now and then a limb segment is missing, or is taken for its other half, for a few frames."""
    for pair in LIMBS:
        bad = spells(len(iuv), rng, 0.04, 4)
        swap = rng.random() < 0.5
        for frame in (iuv[t] for t in np.flatnonzero(bad)):
            mine = np.isin(frame[..., 0], pair)
            if swap:
                frame[mine, 0] = pair[0] + pair[1] - frame[mine, 0]
            else:
                frame[mine] = 0


def punch_holes(iuv: np.ndarray, rng: np.random.Generator, unit: float):
    """A few round holes of 2 to 7 pixels (at 256) in some frames, more often at seams than elsewhere."""
    rate = rng.choice([0.0, 0.5, 2.0])
    for frame in iuv:
        rows, columns = np.nonzero(frame[..., 0])
        for _ in range(rng.poisson(rate) if len(rows) else 0):
            k = rng.integers(len(rows))
            radius = rng.uniform(1, 3.5) * unit
            reach = int(np.ceil(radius))
            top, left = max(0, rows[k] - reach), max(0, columns[k] - reach)
            window = frame[top : rows[k] + reach + 1, left : columns[k] + reach + 1]
            y, x = np.mgrid[: window.shape[0], : window.shape[1]]
            window[np.hypot(y + top - rows[k], x + left - columns[k]) <= radius] = 0


def flicker(iuv: np.ndarray, rng: np.random.Generator):
    """U and V of every part wander by a few levels from frame to frame, and a little from pixel to pixel."""
    level, grain = rng.uniform(0, 5), rng.uniform(0, 2.5)
    offset = rng.normal(size=(25, 2)) * level
    for frame in iuv:
        offset = 0.8 * offset + 0.6 * level * rng.normal(size=(25, 2))
        noisy = frame[..., 1:] + offset[frame[..., 0]] + grain * rng.normal(size=(*frame.shape[:2], 2))
        frame[..., 1:] = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
