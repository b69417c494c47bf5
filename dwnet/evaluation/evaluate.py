"""Measure a rollout on the real frames, and the baselines with it (paper, section 4.2.2). docs/metrics.md has the protocol."""

import functools
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from densepose_cache.cache.reader import SplitReader
from densepose_cache.core.batching import FittingBatches
from densepose_cache.core.errors import InputError
from densepose_cache.core.progress import Bar
from densepose_cache.storage.atomic import only_writer, write_text_whole, written_whole
from densepose_cache.storage.digest import digest
from densepose_cache.storage.hdf5 import Hdf5File
from densepose_cache.storage.reuse import is_kept, keep, kept, take_up

from ..config import FORMATS, INTERVAL_KEYS, EvaluateSettings
from ..core.device import exact_convolutions, pick_device
from ..inference.rollout_file import UNTUNED, RolloutReader
from ..inference.trivial import BASELINES, FilledSource, coarse_warp, coarse_warp_blurred, copy_source, filled_warp
from ..model.checkpoint import model_facts
from .intervals import with_intervals
from .metrics.feature_file import NAME as FEATURES
from .metrics.feature_file import FeatureWriter, open_features
from .metrics.frechet import frechet_distance
from .metrics.measure import FrameBatch, Measure
from .metrics.measures import FrechetSums
from .metrics.suite import build_measures, closing
from .metrics_file import metrics_text
from .protocol import protocol
from .provenance import Origin, git_revision, provenance, versions

FRAMES = 16
"""Frames looked at together, fewer where the GPU has too little memory."""

Values = dict[str, dict[str, list[np.ndarray]]]
"""{method: {metric: one array of per-frame values for each batch}}; method is "model" or a baseline."""


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
        extractors = {key: value for measure in measures for key, value in (measure.extractor or {}).items()}
        wanted = evaluation_digest(generated, settings, extractors, unavailable)
        if is_kept(out, wanted, summary_digest) and is_kept(features, wanted, features_digest):
            take_up(features)
            with closing(measures):
                earlier = with_intervals(read_summary(kept(out)) | asked, features, settings)
                write_summary(out, earlier)
            return earlier
        errors, clips = {}, {}
        with closing(measures), exact_convolutions(), written_whole(features) as temporary, Hdf5File(temporary, libver=None) as file:
            frechet = FrechetSums(FeatureWriter(file, lengths, wanted))
            fitting = FittingBatches(FRAMES, "frame", "set evaluate.device: cpu")
            with Bar("evaluate", sum(lengths.values()), unit="frames") as bar:
                for name, length in lengths.items():
                    values: Values = {}
                    baselines = Baselines(reader, name, settings.blur_sigma)
                    work = functools.partial(measure_window, generated, reader, name, baselines, measures, device)
                    for found in fitting.run(work, list(range(length))):
                        found.add_to(frechet, values, errors.setdefault(name, []))
                        bar.advance(found.frames, name)
                    clips[name] = clip_summary(values)
        summary = summarise(clips, frechet, measures, sum(lengths.values()))
        summary |= {
            "clips": clips,
            "unavailable": unavailable | uncounted(summary["metrics"], measures),
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
class Measured:
    """What was measured on some `frames` of a clip: values of a method and metric, pooled features of a distance and method, and the
    detector's errors on the real frames."""

    frames: int
    values: list[tuple[str, str, np.ndarray]] = field(default_factory=list)
    pooled: list[tuple[str, str, np.ndarray]] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)

    def add_to(self, frechet: FrechetSums, values: Values, errors: list[float]):
        """Append it to what was measured before."""
        for method, metric, numbers in self.values:
            values.setdefault(method, {}).setdefault(metric, []).append(numbers)
        for distance, method, features in self.pooled:
            frechet.add(distance, method, features)
        errors += self.errors


def measure_window(generated, reader, name, baselines, measures, device, numbers: list[int]) -> Measured:
    """Measure the frames `numbers` of a clip, one after the other, for the model and the baselines."""
    window, result = slice(numbers[0], numbers[-1] + 1), Measured(len(numbers))
    real = FrameBatch.of(reader.frames(name, window), device)
    body = torch.from_numpy(reader.iuv(name, window)[..., 0] > 0).to(device)
    others = {"model": generated.frames(name, window)}
    if UNTUNED in generated.kinds(name):
        others[UNTUNED] = generated.frames(name, window, UNTUNED)
    others |= baselines.frames(window)
    batches = {method: FrameBatch.of(frames, device) for method, frames in others.items()}
    for measure in measures:
        seen = measure.observe(real)
        if measure.frechet:
            result.pooled.append((measure.frechet, "real", seen.pooled))
        if measure.detector and (exact := reader.keypoints(name)) is not None:
            result.errors += measure.errors(seen, exact[window], body)
        for method, batch in batches.items():
            found = measure.observe(batch)
            if measure.frechet:
                result.pooled.append((measure.frechet, method, found.pooled))
            for metric, values in measure.compare(seen, found, body).items():
                result.values.append((method, metric, np.asarray(torch.as_tensor(values).cpu(), np.float64)))
    return result


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


def clip_summary(values: Values) -> dict:
    """{"metrics": ..., "baselines": ...} of a clip: means over its counted frames, and how many these are."""
    methods = {}
    for method, metrics in values.items():
        methods[method] = {}
        for name, parts in metrics.items():
            numbers = np.concatenate(parts)
            counted = numbers[np.isfinite(numbers)]
            if len(counted):
                methods[method][name] = {"value": float(counted.mean()), "frames": len(counted)}
    return {"metrics": methods.pop("model"), "baselines": methods}


def summarise(clips: dict, frechet: FrechetSums, measures: list[Measure], frames: int) -> dict:
    """{"metrics": ..., "baselines": ...} of the data set: means over clips of the clips' means, and the Frechet distances where there are
    two frames at least."""
    methods = {"model": [clip["metrics"] for clip in clips.values()]}
    others = next(iter(clips.values()))["baselines"]
    methods |= {name: [clip["baselines"][name] for clip in clips.values()] for name in others}
    result = {method: _means(parts) for method, parts in methods.items()}
    for name in frechet_names(measures) if frames > 1 else ():
        real = frechet.get(name, "real")
        for method, values in result.items():
            other = frechet.get(name, method)
            values[name] = {
                "value": frechet_distance(real, other),
                "frames": frames,
                "clips": len(clips),
                "real_frames": real.count,
                "generated_frames": other.count,
                "dimensions": len(real.mean),
            }
    return {"metrics": result.pop("model"), "baselines": result}


def uncounted(metrics: dict, measures: list[Measure]) -> dict[str, str]:
    """Why a metric has no value although it was measured: {name: reason}."""
    names = [name for measure in measures for name in measure.names if name not in metrics]
    reasons = dict.fromkeys(names, "no frame has a value: no body, nobody found on it, or no joint that is found in both frames")
    return reasons | {name: "needs two frames at least" for name in frechet_names(measures) if name not in metrics}


def frechet_names(measures: list[Measure]) -> list[str]:
    """Names of the Frechet distances that `measures` give."""
    return [measure.frechet for measure in measures if measure.frechet]


def _means(parts: list[dict]) -> dict:
    names = dict.fromkeys(name for part in parts for name in part)
    means = {}
    for name in names:
        found = [part[name] for part in parts if name in part]
        value = float(np.mean([item["value"] for item in found]))
        means[name] = {"value": value, "frames": sum(item["frames"] for item in found), "clips": len(found)}
    return means


def keypoint_summary(errors: dict[str, list[float]], measures: list[Measure]) -> dict:
    """The detector's own error on real frames, where the data set brings exact keypoints."""
    counted = {clip: [value for value in values if np.isfinite(value)] for clip, values in errors.items()}
    counted = {clip: values for clip, values in counted.items() if values}
    detector = next(measure.detector for measure in measures if measure.detector)
    if not counted:
        return {"detector": detector, "joints": "none found"}
    error = {
        "value": float(np.mean([np.mean(values) for values in counted.values()])),
        "frames": sum(map(len, counted.values())),
        "clips": len(counted),
    }
    return {"detector": detector, "detector_error": error}


def write_summary(out: Path, summary: dict):
    """Write metrics.json and clips.csv beside it, each whole or not at all; no NaN gets into either."""
    texts = {out.parent / "clips.csv": clip_table(summary["clips"]).to_csv(index=False)}
    texts[out] = metrics_text(summary)
    for path, text in texts.items():
        write_text_whole(path, text)


def clip_table(clips: dict) -> pd.DataFrame:
    """One row a clip and method: clip, method, frames, and a column for every metric."""
    rows = []
    for clip, values in clips.items():
        for method, metrics in {"model": values["metrics"], **values["baselines"]}.items():
            frames = max((item["frames"] for item in metrics.values()), default=0)
            rows.append({"clip": clip, "method": method, "frames": frames} | {name: item["value"] for name, item in metrics.items()})
    return pd.DataFrame(rows)
