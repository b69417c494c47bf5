"""Write the embedded data set: videos, side files with exact IUV maps and keypoints, and the manifest."""

import json
import multiprocessing
import os
import re
import signal
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from ..config import FORMATS
from ..core.coco import JOINTS
from ..core.errors import InputError
from ..core.processes import end_with_parent
from ..core.progress import Bar
from ..iuv.side_file import write_side_file
from ..storage.atomic import only_writer, write_text_whole
from ..storage.digest import digest
from ..video import VideoWriter
from .render import RenderedClip, clip_generator
from .scene import BACKGROUNDS, STUDIO

CRF = 12
CLIP_FILE = re.compile(r"sample-(train|test)-\d{4,}(\.mp4|\.iuv\.h5)")
MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class ClipRequest:
    """One clip of the data set: everything that its content depends on."""

    split: str
    index: int
    seed: int
    size: int
    frames: int
    fps: int
    background: str
    wide: bool = False

    @property
    def name(self) -> str:
        return f"sample-{self.split}-{self.index:04d}"

    @property
    def digest(self) -> str:
        facts = asdict(self)
        if not facts.pop("wide"):
            return digest("sample", FORMATS["sample"], facts)
        return digest("sample wide", FORMATS["sample"], facts)

    def video(self, out: Path) -> Path:
        return out / f"{self.name}.mp4"

    def side_file(self, out: Path) -> Path:
        return out / f"{self.name}.iuv.h5"


def check_request(train: int, test: int, size: int, frames: int, fps: float, background: str):
    """Raise InputError for numbers that make no data set."""
    if train < 1 or test < 0:
        raise InputError(f"sample: train={train}, test={test}: ask for at least one training clip and no negative number of test clips")
    if not 64 <= size <= 512 or size % 2:
        raise InputError(f"sample: size={size}: give an even number of pixels from 64 to 512")
    if frames < 2 or fps <= 0:
        raise InputError(f"sample: frames={frames}, fps={fps}: give at least two frames and a positive frame rate")
    kinds = ("any", *BACKGROUNDS, STUDIO)
    if background not in kinds:
        raise InputError(f"sample: background={background}: give one of {', '.join(kinds)}")


def write_sample(
    out: Path,
    *,
    train: int,
    test: int,
    size: int = 256,
    frames: int = 48,
    fps: int = 25,
    seed: int = 0,
    background: str = "any",
    wide: bool = False,
    workers: int | None = None,
) -> pd.DataFrame:
    """Render `train` + `test` clips of `frames` frames of `size` x `size` pixels into the folder `out` and return the manifest.

    Writes `sample-{split}-{index}.mp4` and, beside it, `sample-{split}-{index}.iuv.h5` with root datasets `iuv` (T, H, W, 3) uint8
    and `keypoints` (T, 17, 3) float32, and last of all `manifest.csv` with columns clip, split, video, iuv (relative to `out`) and facts of
    each person. Every clip shows a person of its own, so nobody of the test split is met in training. A clip whose settings, seed and
    format have not changed is kept as it is; clips of an earlier run that are no longer asked for are deleted. `workers` processes
    share the work, one per CPU by default. `background` is one kind of background for all clips, or `any`; `wide` draws people
    near and far, in loose and white clothes, too, before all kinds of scenes. Raises InputError for
    impossible numbers.
    """
    check_request(train, test, size, frames, fps, background)
    out = Path(out)
    splits = (("train", train), ("test", test))
    requests = [ClipRequest(split, k, seed, size, frames, fps, background, wide) for split, count in splits for k in range(count)]
    with only_writer(out / MANIFEST):
        return write_clips(out, requests, workers or available_cpus())


def write_clips(out: Path, requests: list[ClipRequest], workers: int) -> pd.DataFrame:
    """Render into `out` what is missing of `requests`, remove what is not wanted, write and return the manifest."""
    missing = [request for request in requests if not is_current(out, request)]
    with Bar("rendering", len(requests), unit="clips") as bar:
        bar.advance(len(requests) - len(missing))
        for name in rendered(out, missing, workers):
            bar.advance(text=name)
    wanted = {path.name for request in requests for path in (request.video(out), request.side_file(out))}
    for path in out.iterdir():
        if CLIP_FILE.fullmatch(path.name) and path.name not in wanted:
            path.unlink()
    manifest = pd.DataFrame([manifest_row(out, request) for request in requests])
    write_manifest(out / MANIFEST, manifest)
    return manifest


def available_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def is_current(out: Path, request: ClipRequest) -> bool:
    """Whether the clip's two files are there and made from the same request."""
    side = request.side_file(out)
    if not (side.is_file() and request.video(out).is_file()):
        return False
    try:
        with h5py.File(side) as file:
            return file.attrs.get("digest") == request.digest
    except OSError:
        return False


def rendered(out: Path, requests: list[ClipRequest], workers: int):
    """Render all `requests`; yield the name of each clip that is complete."""
    workers = min(workers, len(requests))
    if workers <= 1:
        for request in requests:
            yield render_clip(out, request)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=stop_cleanly) as pool:
        jobs = [pool.submit(render_clip, out, request) for request in requests]
        try:
            for job in as_completed(jobs):
                yield job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def stop_cleanly():
    """In a process of the pool: end with the parent, leave Ctrl-C to it, which stops the pool, and remove temporary files on SIGTERM."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def render_clip(out: Path, request: ClipRequest) -> str:
    """Render one clip; its side file, written last, says that the clip is complete."""
    side = request.side_file(out)
    side.unlink(missing_ok=True)
    kind = None if request.background == "any" else request.background
    rng = clip_generator(request.seed, request.split, request.index)
    clip = RenderedClip(rng, size=request.size, frames=request.frames, fps=request.fps, background=kind, wide=request.wide)
    iuv = np.empty((request.frames, request.size, request.size, 3), np.uint8)
    keypoints = np.empty((request.frames, len(JOINTS), 3), np.float32)
    with VideoWriter(request.video(out), request.fps, (request.size, request.size), crf=CRF) as video:
        for t, frame in enumerate(clip):
            video.write(frame.rgb)
            iuv[t], keypoints[t] = frame.iuv, frame.keypoints
    facts = {"digest": request.digest, "seed": request.seed, "facts": json.dumps(clip.facts())}
    write_side_file(side, iuv, iuv.shape[:3], keypoints, **facts)
    return request.name


def manifest_row(out: Path, request: ClipRequest) -> dict:
    """The clip's row of the manifest."""
    with h5py.File(request.side_file(out)) as file:
        facts = json.loads(file.attrs["facts"])
    row = {"clip": request.name, "split": request.split, "video": request.video(out).name, "iuv": request.side_file(out).name}
    return row | facts


def write_manifest(path: Path, manifest: pd.DataFrame):
    """Write the manifest unless the file already says the same."""
    text = manifest.to_csv(index=False, lineterminator="\n")
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    write_text_whole(path, text)
