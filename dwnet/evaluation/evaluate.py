"""Measure a rollout on the real frames, and the baselines with it (paper, section 4.2.2). docs/metrics.md has the protocol."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.batching import FittingBatches
from densepose_cache.core.errors import InputError
from densepose_cache.core.progress import Bar
from densepose_cache.storage.atomic import only_writer, written_whole
from densepose_cache.storage.digest import digest
from densepose_cache.storage.hdf5 import Hdf5File
from densepose_cache.storage.reuse import is_kept, keep, kept, take_up
from densepose_cache.warp.grid import visible_pixels

from ..config import FORMATS, INTERVAL_KEYS, EvaluateSettings
from ..core.device import exact_convolutions, pick_device
from ..inference.rollout_file import UNTUNED, RolloutReader
from ..inference.trivial import BASELINES, FilledSource, coarse_warp, coarse_warp_blurred, copy_source, filled_warp
from ..model.checkpoint import model_facts
from .intervals import with_intervals
from .metrics.feature_file import NAME as FEATURES
from .metrics.feature_file import FeatureWriter, open_features
from .metrics.fvd import VideoWindows, load_i3d, too_short, windows_by_clip
from .metrics.measure import Measure
from .metrics.measures import FrechetSums
from .metrics.suite import build_measures, closing
from .metrics_file import write_summary
from .protocol import protocol
from .provenance import Origin, git_revision, provenance, versions
from .summary import clip_summary, keypoint_summary, summarise, uncounted
from .windows import FRAMES, Measured, Seen, Values, Window, measure_frames


def evaluate(
    rollout: Path, data: Path, model: Path | str, settings: EvaluateSettings, weights: Path, out: Path, origin: Origin | None = None
) -> dict:
    """Write metrics.json to `out`, clips.csv and features.h5 beside it; return the summary.

    `origin` is the data set and configuration that the workflow made it from: the summary then says where it comes from (`provenance`).
    Earlier metrics of the same rollout, settings, feature networks and package versions are taken over. Raises InputError if a file is
    missing, the rollout was made from other data or has another number of frames, or the paper's weights are missing.
    """
    out = Path(out)
    asked = {"settings": settings.model_dump(mode="json")} | ({"provenance": provenance(origin)} if origin else {})
    features = out.parent / FEATURES
    device = pick_device(settings.device)
    facts = model_facts(model)
    with only_writer(out), RolloutReader(rollout) as generated, SplitReader(data) as reader:
        names = [name for name in generated.names if generated.kind(name) == "reconstruction"]
        lengths = {name: generated.length(name) for name in names}
        check_rollout(generated, reader, names, facts, settings.max_frames)
        measures, unavailable = build_measures(settings, weights, device)
        i3d, facts_i3d = load_i3d(settings, weights, device, unavailable)
        extractors = {key: value for measure in measures for key, value in (measure.extractor or {}).items()} | facts_i3d
        wanted = evaluation_digest(generated, settings, extractors, unavailable)
        if is_kept(out, wanted, summary_digest) and is_kept(features, wanted, features_digest):
            take_up(features)
            with closing(measures):
                earlier = with_intervals(read_summary(kept(out)) | asked, features, settings)
                write_summary(out, earlier)
            return earlier
        with closing(measures), exact_convolutions(), written_whole(features) as temporary, Hdf5File(temporary, libver=None) as file:
            frechet = FrechetSums(FeatureWriter(file, lengths, wanted, windows_by_clip(lengths, settings)))
            videos = VideoWindows(i3d.logits, settings.fvd_stride, frechet) if i3d else None
            frames = {name: ClipFrames(generated, reader, name, settings.blur_sigma) for name in names}
            clips, errors = measure_clips(frames, lengths, measures, frechet, videos, device)
        summary = summarise(clips, frechet, measures, sum(lengths.values()))
        summary |= {
            "clips": clips,
            "unavailable": unavailable | uncounted(summary["metrics"], measures) | too_short(summary["metrics"], i3d),
            "protocol": protocol(generated, reader, names, settings),
            "extractors": extractors,
            "model": facts,
            "versions": versions(),
            "revision": git_revision(),
            "format": FORMATS["evaluate"],
            "digest": wanted,
        } | asked
        if any(errors.values()):
            summary["exact_keypoints"] = keypoint_summary(errors, measures)
        summary = with_intervals(summary, features, settings)
        write_summary(out, summary)
        for path in (out, features):
            keep(path)
    return summary


def measure_clips(
    frames: dict[str, "ClipFrames"],
    lengths: dict[str, int],
    measures: list[Measure],
    frechet: FrechetSums,
    videos: VideoWindows | None,
    device: torch.device,
) -> tuple[dict[str, dict], dict[str, list[float]]]:
    """Summaries and the detector's errors of the clips by name; pooled features go to `frechet`, frames to `videos`, if they are asked
    for."""
    clips, errors, fitting = {}, {}, FittingBatches(FRAMES, "frame", "set evaluate.device: cpu")
    with Bar("evaluate", sum(lengths.values()), unit="frames") as bar:
        for name, clip in frames.items():
            values: Values = {}
            for found in fitting.run(functools.partial(measure_window, clip, measures, device), list(range(lengths[name]))):
                if videos:
                    videos.add(found.shown, clip.seen is None)
                clip.seen = found.seen
                found.add_to(frechet, values, errors.setdefault(name, []))
                bar.advance(found.frames, name)
            clip.forget()
            clips[name] = clip_summary(values)
    return clips, errors


def evaluation_digest(generated: RolloutReader, settings: EvaluateSettings, extractors: dict, unavailable: dict) -> str:
    """Digest of all that metrics are made from: rollout (its model and clips), settings, feature networks, versions, what is left out."""
    values = settings.decisive(*INTERVAL_KEYS), extractors, sorted(unavailable), versions()
    return digest("evaluate", FORMATS["evaluate"], generated.digest, *values)


def read_summary(path: Path) -> dict:
    """The summary in the file `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def summary_digest(path: Path) -> str | None:
    """Digest of the evaluation that wrote the summary `path`; None if it cannot be read."""
    try:
        return read_summary(path).get("digest")
    except (OSError, ValueError):
        return None


def features_digest(path: Path) -> str | None:
    """Digest of the evaluation that wrote the features `path`; None if they cannot be read."""
    try:
        with open_features(path) as earlier:
            return earlier.digest
    except InputError:
        return None


def check_rollout(generated: RolloutReader, reader: SplitReader, names: list[str], facts: dict, max_frames: int | None):
    """Raise InputError if the rollout is of another model, its clips are not those of the data, or not so many frames of each."""
    if not names:
        raise InputError(f"{generated.path}: holds no reconstructed clip, so there is nothing to measure; run the rollout again")
    if generated.model_sha256 != facts["sha256"]:
        raise InputError(f"{generated.path}: was made with another model than {facts['file']}; run the rollout again")
    for name in names:
        if name not in reader.clips:
            raise InputError(f"{generated.path}: clip {name} is not in {reader.path}; run the rollout again")
        if generated.digests(name) != (reader.digest(name),) * 2:
            raise InputError(f"{generated.path}: clip {name} was made from other data than {reader.path}; run the rollout again")
        wanted = min(reader.length(name), max_frames or reader.length(name))
        if generated.length(name) != wanted:
            found = generated.length(name)
            raise InputError(
                f"{generated.path}: has {found} frames of clip {name}, evaluate.max_frames asks for {wanted}; run the rollout again"
            )


@dataclass
class ClipFrames:
    """A clip of the rollout and of the data, read window by window; `seen` is what was seen of the window before."""

    generated: RolloutReader
    reader: SplitReader
    name: str
    sigma: float
    seen: Seen | None = None

    @functools.cached_property
    def _baselines(self) -> "Baselines":
        return Baselines(self.reader, self.name, self.sigma)

    def forget(self):
        """Free what is kept from window to window."""
        self.seen = None
        self.__dict__.pop("_baselines", None)

    def real(self, window: slice) -> Window:
        """The real frames `window`."""
        reader, name = self.reader, self.name
        times = range(window.start, window.stop)
        maps = reader.iuv(name, slice(max(window.start - 1, 0), window.stop))
        maps = maps if window.start else np.concatenate([maps[:1], maps])
        index = np.stack([reader.grid(name, max(t - 1, 0), t) for t in times])
        visible = np.stack([visible_pixels(*maps[k : k + 2]) & (t > 0) for k, t in enumerate(times)])
        exact = reader.keypoints(name)
        return Window(reader.frames(name, window), maps[1:, ..., 0] > 0, index, visible, None if exact is None else exact[window])

    def others(self, window: slice) -> dict[str, np.ndarray]:
        """Frames `window` of the model and the baselines."""
        frames = {"model": self.generated.frames(self.name, window)}
        if UNTUNED in self.generated.kinds(self.name):
            frames[UNTUNED] = self.generated.frames(self.name, window, UNTUNED)
        return frames | self._baselines.frames(window)


def measure_window(clip: ClipFrames, measures: list[Measure], device: torch.device, numbers: list[int]) -> Measured:
    """Measure the frames `numbers`, the next ones of a clip."""
    window = slice(numbers[0], numbers[-1] + 1)
    return measure_frames(clip.real(window), clip.others(window), measures, device, clip.seen)


class Baselines:
    """The baselines of a clip, all made from its first frame; that frame is prepared once for all windows of the clip."""

    def __init__(self, reader: SplitReader, name: str, sigma: float):
        self._reader, self._name, self._sigma = reader, name, sigma
        self._source = FilledSource(reader.frames(name, 0), reader.iuv(name, 0))

    def frames(self, window: slice) -> dict[str, np.ndarray]:
        """Frames (B, S, S, 3) uint8 of every baseline for frames `window` of the clip."""
        reader, name, source = self._reader, self._name, self._source
        index = np.stack([reader.grid(name, 0, t) for t in range(window.start, window.stop)])
        warped = coarse_warp(source.frame, index)
        filled = filled_warp(source, reader.iuv(name, window), index)
        frames = (warped, filled, copy_source(source.frame, len(index)), coarse_warp_blurred(warped, self._sigma))
        return dict(zip(BASELINES, frames, strict=True))
