"""Measure anybody's videos on real ones, matched by name."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from densepose_cache.core.errors import InputError
from densepose_cache.core.progress import Bar
from densepose_cache.storage.atomic import only_writer, written_whole
from densepose_cache.storage.digest import digest
from densepose_cache.storage.hdf5 import Hdf5File

from ..config import FORMATS, INTERVAL_KEYS, EvaluateSettings
from ..core.device import exact_convolutions, pick_device
from .intervals import with_intervals
from .metrics.feature_file import NAME as FEATURES
from .metrics.feature_file import FeatureWriter
from .metrics.fvd import VideoWindows, load_i3d, too_short, windows_by_clip
from .metrics.measure import Measure
from .metrics.measures import FrechetSums
from .metrics.suite import build_measures
from .metrics.suite import closing as closed
from .metrics_file import write_summary
from .protocol import folders_protocol
from .provenance import git_revision, versions
from .summary import clip_summary, summarise, uncounted
from .truth import Moving, Truth, named
from .windows import FRAMES, Values, Window, measure_frames

SAME_RATE = 0.001
"""Share by which the rates of two videos may differ: 29.97 is 30000/1001."""


@dataclass(frozen=True)
class Pair:
    """What was generated, and what it shall show; `frames` of both are compared."""

    name: str
    pred: Moving
    real: Moving
    frames: int


def evaluate_folders(pred: Path, real: Truth, method: str, size: int | None, settings: EvaluateSettings, weights: Path, out: Path) -> dict:
    """Write metrics.json of the videos or folders of frames in `pred`, made by `method`, to `out`, and clips.csv and features.h5 beside it.

    They are compared frame by frame with the clips of the same names in `real`. Frames are brought to squares of side `size`; None leaves
    squares as they are. Returns the summary. Raises InputError, before anything is measured, if a video has no real one, or a pair differs
    in size, rate or length.
    """
    pairs = match(pred, real, size, settings.max_frames)
    size, device, features = size or pairs[0].real.width, pick_device(settings.device), out.parent / FEATURES
    lengths = {pair.name: pair.frames for pair in pairs}
    data = real.digest(lengths, size)
    measures, unavailable = build_measures(settings, weights, device)
    i3d, facts = load_i3d(settings, weights, device, unavailable)
    made_from = data, {pair.name: pair.pred.sha256() for pair in pairs}, size, settings.decisive(*INTERVAL_KEYS), versions()
    identity = digest("evaluate folders", FORMATS["evaluate"], *made_from)
    with only_writer(out), closed(measures), exact_convolutions():
        with written_whole(features) as temporary, Hdf5File(temporary, libver=None) as file:
            frechet = FrechetSums(FeatureWriter(file, lengths, identity, windows_by_clip(lengths, settings)))
            videos = VideoWindows(i3d.logits, settings.fvd_stride, frechet) if i3d else None
            clips = measure_clips(pairs, real, size, measures, frechet, videos, device)
        summary = summarise(clips, frechet, measures, sum(lengths.values()))
        summary |= {
            "clips": clips,
            "unavailable": unavailable | uncounted(summary["metrics"], measures) | too_short(summary["metrics"], i3d),
            "protocol": folders_protocol(method, lengths, size, data, settings),
            "extractors": {key: value for measure in measures for key, value in (measure.extractor or {}).items()} | facts,
            "model": {"method": method},
            "settings": settings.model_dump(mode="json"),
            "versions": versions(),
            "revision": git_revision(),
            "format": FORMATS["evaluate"],
            "digest": identity,
        }
        summary = with_intervals(summary, features, settings)
        write_summary(out, summary)
    return summary


def measure_clips(
    pairs: list[Pair],
    real: Truth,
    size: int,
    measures: list[Measure],
    frechet: FrechetSums,
    videos: VideoWindows | None,
    device: torch.device,
) -> dict[str, dict]:
    """Summaries of the pairs' clips by name; pooled features go to `frechet`, frames to `videos`, if they are asked for."""
    clips = {}
    with Bar("evaluate", sum(pair.frames for pair in pairs), unit="frames") as bar:
        for pair in pairs:
            values: Values = {}
            seen = None
            for window, frames in windows(pair, size, real):
                found = measure_frames(window, {"model": frames}, measures, device, seen)
                if videos:
                    videos.add(found.shown, seen is None)
                seen = found.seen
                found.add_to(frechet, values, [])
                bar.advance(found.frames, pair.name)
            clips[pair.name] = clip_summary(values)
    return clips


def match(pred: Path, real: Truth, size: int | None, most: int | None) -> list[Pair]:
    """The pairs of the folder `pred` and `real`, by name, of `most` frames each; None takes all. Raises InputError as above."""
    made = named(pred)
    if lone := [name for name in made if name not in real.names]:
        others = f", nor of {len(lone) - 1} others" if len(lone) > 1 else ""
        raise InputError(f"{made[lone[0]]}: there is no real video of that name{others}; there are {some(real.names)}")
    pairs = []
    for name, path in made.items():
        one, other = Moving.of(path), real.clip(name)
        check_alike(one, other, most)
        pairs.append(Pair(name, one, other, min(one.frames, most or one.frames)))
    shapes = {(pair.real.width, pair.real.height): pair for pair in pairs}
    if size is None and (len(shapes) > 1 or any(width != height for width, height in shapes)):
        (width, height), pair = next((item for item in shapes.items() if item[0][0] != item[0][1]), list(shapes.items())[-1])
        raise InputError(
            f"{pair.real.path}: is {width}x{height}, but metrics are of squares of one size; --size 256 brings all frames to them"
        )
    return pairs


def check_alike(pred: Moving, real: Moving, most: int | None):
    """Raise InputError if a pair differs in size, rate or length, as far as `most` frames of them are compared."""
    if (pred.width, pred.height) != (real.width, real.height):
        sizes = f"{pred.width}x{pred.height}, but {real.path} is {real.width}x{real.height}"
        raise InputError(f"{pred.path}: is {sizes}; scale one of them to the size of the other")
    if pred.fps and real.fps and abs(pred.fps - real.fps) > SAME_RATE * real.fps:
        rates = f"{pred.fps:.4g} frames a second, but {real.path} has {real.fps:.4g}"
        raise InputError(f"{pred.path}: has {rates}; convert one of them to the rate of the other")
    if pred.frames != real.frames and not (most and most <= min(pred.frames, real.frames)):
        lengths = f"{pred.frames} frames, but {real.path} has {real.frames}"
        raise InputError(f"{pred.path}: has {lengths}; cut the longer one, or compare first frames alone: evaluate.max_frames")


def some(names: list[str]) -> str:
    """The first of the names, for a message."""
    return ", ".join(names[:5]) + ", ..." * (len(names) > 5)


def windows(pair: Pair, size: int, truth: Truth) -> Iterator[tuple[Window, np.ndarray]]:
    """Yield what is measured together: real frames, and the generated ones (B, S, S, 3) uint8 of a pair."""
    with closing(truth.frames(pair.name, size)) as real, closing(pair.pred.squares(size)) as pred:
        both = islice(zip(real, pred, strict=False), pair.frames)
        while some := list(islice(both, FRAMES)):
            frames, body, index, visible = zip(*(shown for shown, _ in some), strict=True)
            yield Window(*map(np.stack, (frames, body, index, visible))), np.stack([frame for _, frame in some])
