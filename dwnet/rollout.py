"""Generate videos frame by frame: each frame from the one generated before it, never from a real one (paper, section 3.2, Eq. 2 and 3).

Beside the generated frames (rollout.h5) stand videos `videos/{name}.mp4`: source, driving pose, coarse warp, generated and real frame side
by side.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch

from densepose_cache.digest import digest, file_sha256
from densepose_cache.errors import InputError
from densepose_cache.hdf5_file import Hdf5File
from densepose_cache.memory import FittingBatches
from densepose_cache.progress import Bar, track
from densepose_cache.reader import SplitReader
from densepose_cache.shards import keep_link, take_up_link
from densepose_cache.video import VideoWriter
from densepose_cache.whole import only_writer, written_whole

from .checkpoint import load_model, model_file
from .config import FORMATS, EvaluateSettings
from .devices import pick_device
from .driving import CachedDriving, Driving, PairDriving, grid_engine
from .inference.network_inputs import INPUTS, network_input
from .inference.trivial import coarse_warp
from .panels import iuv_colours, sheet, sheet_size
from .precision import exact_convolutions, fast_convolutions
from .rollout_file import Job, RolloutReader, RolloutWriter

RECONSTRUCTION, TRANSFER = "reconstruction", "transfer"


def rollout(model: Path | str, data: Path, settings: EvaluateSettings, out: Path) -> list[Job]:
    """Write `out` (rollout.h5) and `videos/` beside it; return what was generated.

    An earlier rollout of the same model, data and settings is taken over. Raises InputError if a file is missing or a pair names no clip.
    """
    out = Path(out)
    device = pick_device(settings.device)
    generator, _ = load_model(model)
    model_sha256 = file_sha256(model_file(model))
    with only_writer(out), SplitReader(data) as reader:
        jobs = plan(reader, settings)
        facts = {"model_sha256": model_sha256, "digest": rollout_digest(model_sha256, reader, jobs, settings.precision)}
        link = out.with_name(f".{out.name}.kept")
        if take_over(link, out, facts["digest"], jobs):
            return jobs
        with written_whole(out) as temporary, Hdf5File(temporary, libver=None) as file:
            generate(generator.to(device), reader, jobs, settings, device, RolloutWriter(file, reader.size, facts))
            write_videos(reader, jobs, file, out.parent / "videos", device)
        keep_link(out, link)
    return jobs


def plan(reader: SplitReader, settings: EvaluateSettings) -> list[Job]:
    """What to generate: every clip of the split, then the pairs of the settings' table. Raises InputError for a wrong table."""

    def length(clip):
        return min(reader.length(clip), settings.max_frames or reader.length(clip))

    jobs = [Job(clip, clip, clip, RECONSTRUCTION, length(clip)) for clip in reader.clips]
    for source, driving in read_pairs(settings.pairs, reader):
        jobs.append(Job(f"{source}_to_{driving}", source, driving, TRANSFER, length(driving)))
    names = [job.name for job in jobs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{settings.pairs}: the video name {twice[0]} stands for two things; remove the row or rename a clip")
    return jobs


def read_pairs(path: str | None, reader: SplitReader) -> list[tuple[str, str]]:
    """Rows (source_clip, driving_clip) of a CSV; none for None. Raises InputError if a column or a clip does not exist."""
    if path is None:
        return []
    if not Path(path).is_file():
        raise InputError(f"{path}: no such table of pairs (key evaluate.pairs)")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error})") from None
    if not {"source_clip", "driving_clip"} <= set(table.columns):
        raise InputError(f"{path}: must have the columns source_clip and driving_clip, has {', '.join(table.columns)}")
    pairs = list(zip(table["source_clip"], table["driving_clip"], strict=True))
    for clip in (clip for pair in pairs for clip in pair):
        if clip not in reader.clips:
            if reason := reader.quarantined(clip):
                raise InputError(f"{path}: clip {clip!r} is in quarantine ({reason}); mend it or remove the pair")
            raise InputError(f"{path}: clip {clip!r} is not in {reader.path}; it has {', '.join(reader.clips[:10])}, ...")
    return pairs


def rollout_digest(model_sha256: str, reader: SplitReader, jobs: list[Job], precision: str) -> str:
    """Digest of all that a rollout is made from: format, model, clips and what is to be generated."""
    rows = [[job.name, job.kind, job.length, reader.digest(job.source_clip), reader.digest(job.driving_clip)] for job in jobs]
    return digest("rollout", FORMATS["rollout"], model_sha256, rows, *([precision] if precision != "fp32" else []))


def take_over(link: Path, out: Path, wanted: str, jobs: list[Job]) -> bool:
    """True, and `out` stands again, if the earlier rollout under the name `link` has digest `wanted` and all its videos are there."""
    videos = [out.parent / "videos" / f"{job.name}.mp4" for job in jobs]
    if not link.is_file() or not all(video.is_file() for video in videos):
        return False
    try:
        with RolloutReader(link) as earlier:
            if earlier.digest != wanted:
                return False
    except InputError:
        return False
    take_up_link(link, out)
    return True


def generate(generator, reader: SplitReader, jobs: list[Job], settings: EvaluateSettings, device: torch.device, writer: RolloutWriter):
    """Generate all frames of `jobs`, `settings.batch` videos side by side, fewer where the GPU has too little memory; longer ones first, so
    that few places stay empty."""
    for job in jobs:
        writer.add(job, (reader.digest(job.source_clip), reader.digest(job.driving_clip)))
    fitting = FittingBatches(settings.batch, "video", "set evaluate.precision: bf16, or evaluate.device: cpu")
    with Bar("rollout", sum(job.length for job in jobs), unit="frames") as bar:

        def side_by_side(group: list[Job]):
            drivings = [open_driving(reader, job, device) for job in group]
            lengths, before = [job.length for job in group], bar.done
            try:
                for number, frames in enumerate(generate_frames(generator, drivings, lengths, device, settings.precision)):
                    for job, frame in zip(group, frames, strict=False):
                        writer.write(job, number, frame)
                    bar.advance(len(frames))
            except torch.OutOfMemoryError:
                bar.advance(before - bar.done)
                raise

        for _ in fitting.run(side_by_side, sorted(jobs, key=lambda job: (-job.length, job.name))):
            pass


def open_driving(reader: SplitReader, job: Job, device: torch.device) -> CachedDriving | PairDriving:
    """What drives `job`; grids that the cache lacks are computed on `device`."""
    if job.kind == RECONSTRUCTION:
        return CachedDriving(reader, job.driving_clip)
    return PairDriving(reader, job.source_clip, job.driving_clip, grid_engine(device))


@torch.inference_mode()
def generate_frames(
    generator, drivings: list[Driving], lengths: list[int], device: torch.device, precision: str = "fp32"
) -> Iterator[np.ndarray]:
    """Yield frame after frame (K, S, S, 3) uint8 of the first K videos, those that are that long; `lengths` must not grow.

    The first frame's previous frame and grid are the source and its grid. `precision` is fp32, exact and deterministic, or bf16. While a
    GPU works on a frame, the one before it is handed over and the next one's maps are read.
    """
    source = network_input([driving.source for driving in drivings], device)
    inputs = INPUTS[generator.settings.generator](drivings, generator.settings.visibility, device)
    with arithmetic(precision, device):
        prepared = generator.prepare(source, *inputs.of_source())
    previous, finished = source, None
    for number in range(lengths[0]):
        count = sum(length > number for length in lengths)
        source, prepared, previous = source[:count], prepared.first(count), previous[:count]
        iuv, grids, frame = inputs.of_frame(number, count)
        if number == 0:
            previous = source
        with arithmetic(precision, device):
            previous = generator(iuv, source, previous, *grids, prepared.at(**frame)).frame.float()
        under_way = send(previous)
        if finished:
            yield finished()
        finished = under_way
    yield finished()


def arithmetic(precision: str, device: torch.device) -> contextlib.ExitStack:
    """How networks compute inside: "fp32" exactly, "bf16" fast."""
    inside = contextlib.ExitStack()
    inside.enter_context(exact_convolutions() if precision == "fp32" else fast_convolutions())
    inside.enter_context(torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"))
    return inside


def send(frames: torch.Tensor) -> Callable[[], np.ndarray]:
    """Start the way of frames (B, 3, S, S) to the host; what comes back waits for it and gives them as `to_pixels` does."""
    if not frames.is_cuda:
        return functools.partial(to_pixels, frames)
    sent, there = _pixels(frames).to("cpu", non_blocking=True), torch.cuda.Event(blocking=True)
    there.record()
    return lambda: (there.synchronize(), sent.numpy())[1]


def to_pixels(frames: torch.Tensor) -> np.ndarray:
    """(B, S, S, 3) uint8 of frames (B, 3, S, S) in [-1, 1]."""
    return _pixels(frames).cpu().numpy()


def _pixels(frames: torch.Tensor) -> torch.Tensor:
    return ((frames + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def write_videos(reader: SplitReader, jobs: list[Job], file: h5py.File, folder: Path, device: torch.device):
    """Write `{name}.mp4` of every job into `folder`, at the driving clip's frame rate; videos of other names are removed.

    Grids that the cache lacks are computed on `device`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stale in set(folder.glob("*.mp4")) - {folder / f"{job.name}.mp4" for job in jobs}:
        stale.unlink()
    for job in track(jobs, "write", unit="videos"):
        driving = open_driving(reader, job, device)
        generated = file[job.name]["generated"]
        real = "real" if job.kind == RECONSTRUCTION else "driving video"
        with VideoWriter(folder / f"{job.name}.mp4", reader.fps(job.driving_clip), sheet_size(5, reader.size)) as video:
            for number in range(job.length):
                panels = video_panels(driving, number, generated[number])
                video.write(sheet(panels | {real: reader.frames(job.driving_clip, number)}))


def video_panels(driving: Driving, number: int, generated: np.ndarray) -> dict[str, np.ndarray]:
    """Panels of frame `number`: source, driving pose in colour, coarse warp, generated; each (S, S, 3) uint8."""
    return {
        "source": driving.source,
        "driving": iuv_colours(driving.iuv(number)),
        "coarse warp": coarse_warp(driving.source, driving.source_grid(number)),
        "generated": generated,
    }
