"""Seconds and frames a second of `dwnet animate` from raw pixels to an MP4, stage by stage, beside the paper's generator.

Usage: python benchmarks/animate.py [--size 256 512] [--frames 300] [--peer-frames 10]

Renders a person who turns round as the driving video and another one as the photo, then runs the command as its own process: once on the
whole video, once on two frames (start-up: the interpreter, libraries, weights, the IUV map of the photo). Beside it each stage alone, in
this process: decoding, IUV maps by the network that ships, grids with fill and carry, the generator that ships, encoding. The peer is the
paper's generator (ngf 64, random weights) on the same grids, fewer frames. Nothing of it needs a download.

Prints a JSON line for every size: frames a second of the command without and with its start-up, seconds of the stages, and how many times
as fast the generator is as the peer's.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from densepose_cache.clips import Clip
from densepose_cache.config import DensePoseSettings
from densepose_cache.core.geometry import Geometry
from densepose_cache.densepose.backend import ClipFrames
from densepose_cache.densepose.backends.build import make_backend
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.video import VideoWriter, read_frames, write_video
from dwnet.config import ModelSettings
from dwnet.inference.driving import FreeDriving
from dwnet.inference.filling import FilledDriving
from dwnet.inference.rollout import generate_frames
from dwnet.model.checkpoint import load_model
from dwnet.model.generator import Generator
from dwnet.pretrained import EMBEDDED

FPS = 25
CPU = torch.device("cpu")


def timed(work) -> tuple[float, object]:
    """Seconds of `work()` by the clock, and what it returns."""
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def command_seconds(folder: Path, video: str, size: int) -> float:
    """Seconds of the whole command as a process of its own."""
    words = [Path(sys.executable).with_name("dwnet"), "animate", "photo.png", video, "-o", f"out-{video}", "--size", str(size)]
    return timed(lambda: subprocess.run([str(word) for word in words], cwd=folder, check=True, capture_output=True))[0]


def maps_of(frames: np.ndarray) -> np.ndarray:
    """IUV maps (T, S, S, 3) of frames by the network that ships."""
    size = frames.shape[1]
    clip = ClipFrames(Clip("x", Path("x")), frames, np.arange(len(frames), dtype=np.int32), Geometry.from_box(size, size, None, size))
    maps = make_backend(DensePoseSettings(backend="embedded"), Path("weights")).maps(clip)
    return np.stack([found.iuv if found.iuv is not None else np.zeros_like(frames[0]) for found in maps])


def all_grids(driving: FreeDriving, count: int):
    """Every grid of `count` frames, filled and carried."""
    filled = FilledDriving(driving)
    for number in range(count):
        filled.source(number)
        if number:
            filled.previous(number)


def generator_seconds(generator, driving: FreeDriving, count: int) -> float:
    """Seconds of `count` frames, their grids included, after one that does not count."""
    frames = generate_frames(generator, [driving], [count + 1], CPU)
    next(frames)
    return timed(lambda: [None for _ in frames])[0]


def encode(path: Path, frames: np.ndarray):
    """Write the frames as a video."""
    with VideoWriter(path, FPS, frames.shape[1:3]) as video:
        for frame in frames:
            video.write(frame)


def measure(size: int, count: int, peer_frames: int, folder: Path) -> dict:
    """All figures of one size."""
    person = next(iter(RenderedClip(np.random.default_rng(1), size=size, frames=2, fps=4, motion="walk", background="room")))
    frames = np.stack([frame.rgb for frame in RenderedClip(np.random.default_rng(2), size=size, frames=count, fps=FPS, motion="turn")])
    Image.fromarray(person.rgb).save(folder / "photo.png")
    write_video(folder / "dance.mp4", frames, FPS)
    write_video(folder / "short.mp4", frames[:2], FPS)
    whole, start_up = (command_seconds(folder, video, size) for video in ("dance.mp4", "short.mp4"))
    stages = {}
    stages["decode"], frames = timed(lambda: np.stack(list(read_frames(folder / "dance.mp4"))))
    maps_of(frames[:1])
    stages["iuv"], maps = timed(lambda: maps_of(frames))
    driving = FreeDriving(person.rgb, maps_of(person.rgb[None])[0], maps, "lattice")
    all_grids(driving, 2)
    stages["grids"] = timed(lambda: all_grids(driving, count))[0]
    with_grids = generator_seconds(load_model(Path(EMBEDDED))[0], driving, count - 1)
    stages["generator"] = with_grids - stages["grids"]
    stages["encode"] = timed(lambda: encode(folder / "again.mp4", frames))[0]
    peer = generator_seconds(Generator(ModelSettings()).eval(), driving, peer_frames) / peer_frames
    ours = with_grids / (count - 1)
    speed = {"command": count / whole, "without_start_up": (count - 2) / (whole - start_up)}
    return {
        "size": size,
        "frames": count,
        "frames_per_second": {name: round(value, 2) for name, value in speed.items()},
        "start_up_seconds": round(start_up, 2),
        "stage_seconds": {name: round(value, 2) for name, value in stages.items()},
        "paper_generator_seconds_a_frame": round(peer, 3),
        "seconds_a_frame": round(ours, 3),
        "times": round(peer / ours, 1),
        "cores": len(os.sched_getaffinity(0)),
        "torch": torch.__version__,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--peer-frames", type=int, default=10)
    options = parser.parse_args()
    for size in options.size:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(size, options.frames, options.peer_frames, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
