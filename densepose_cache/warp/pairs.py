"""Training samples and the pairs of frames whose warp grids they need.

A sample (paper, section 3.2) is a source frame i and consecutive target frames j, j+1, ... of the same clip. Samples are drawn before grids
are made and depend on nothing but the clip's name, its number of frames and the settings.
"""

import numpy as np

from ..config import SampleDraw, WarpSettings
from ..core.errors import InputError
from ..storage.digest import digest


def draw_samples(clip: str, frames: int, settings: WarpSettings) -> np.ndarray:
    """Samples (N, 3) int32 of a clip: epoch, source frame i, first target frame j; sorted by epoch and j.

    Every frame that has enough frames after it is the first target once an epoch, or `per_clip` of them are, chosen at random. The
    source is drawn evenly from all frames, or from `sources` fixed ones: from `any` of them, any `other` than the first target, or those
    `apart` from all targets. Where none is left, `apart` is as `other`, and `other` as `any`.

    Raises InputError if the clip has fewer than two frames or than the targets of one sample.
    """
    draw = settings.samples
    if frames < max(draw.targets, 2):
        raise InputError(
            f"clip {clip} has {frames} frames, but a training sample needs {max(draw.targets, 2)}; "
            "remove it from the training split or lower warp.samples.targets"
        )
    fixed = None if draw.sources is None else np.unique(np.linspace(0, frames - 1, draw.sources).round().astype(int))
    epochs = []
    for epoch in range(draw.epochs):
        rng = np.random.default_rng(int(digest("samples", settings.seed, clip, epoch), 16))
        target = _first_targets(rng, frames - draw.targets + 1, draw.per_clip)
        source = [_source(rng, frames, int(j), draw, fixed) for j in target]
        epochs.append(np.column_stack([np.full(len(target), epoch), source, target]))
    return np.concatenate(epochs).astype(np.int32)


def _first_targets(rng: np.random.Generator, possible: int, wanted: int | None) -> np.ndarray:
    """All of 0..possible-1, or `wanted` of them in order; every one once before any comes again."""
    if wanted is None:
        return np.arange(possible)
    rounds = [rng.permutation(possible) for _ in range(-(-wanted // possible))]
    return np.sort(np.concatenate(rounds)[:wanted])


def _source(rng: np.random.Generator, frames: int, first: int, draw: SampleDraw, fixed: np.ndarray | None) -> int:
    choices = np.arange(frames) if fixed is None else fixed
    for taken in {"any": (), "other": (1,), "apart": (draw.targets, 1)}[draw.source]:
        free = choices[(choices < first) | (choices >= first + taken)]
        if len(free):
            return int(rng.choice(free))
    return int(rng.choice(choices))


def sample_pairs(samples: np.ndarray, targets: int) -> np.ndarray:
    """Pairs (P, 2) int32 source frame, driving frame that `samples` (N, 3) need; sorted, unique.

    For every sample (i, j): i to each of its `targets` frames j, j+1, ..., and each target to the next (the warp of the previous frame).
    """
    source, first = samples[:, 1], samples[:, 2]
    pairs = [np.column_stack([source, first + k]) for k in range(targets)]
    pairs += [np.column_stack([first + k, first + k + 1]) for k in range(targets - 1)]
    return np.unique(np.concatenate(pairs), axis=0).astype(np.int32)


def evaluation_pairs(frames: int) -> np.ndarray:
    """Pairs (P, 2) int32 for the reconstruction of a clip from its first frame: 0 to t for every t, and t-1 to t; sorted, unique."""
    time = np.arange(frames)
    pairs = [np.column_stack([np.zeros_like(time), time]), np.column_stack([time[:-1], time[1:]])]
    return np.unique(np.concatenate(pairs), axis=0).astype(np.int32)
