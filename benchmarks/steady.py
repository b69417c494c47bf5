"""What evening out the driving maps over time brings: flicker and agreement before and after, and how the animated video flickers.

Usage: [DWNET_TEST_DATA=...] python benchmarks/steady.py [--people 10] [--frames 40] [--size 256] [--fps 25] [--clips 200] [--videos 4]

Three kinds of maps: exact ones of rendered people (of whom nothing should be taken), the same with the defects of real maps
(`densepose_cache.iuv.degrade`), and those that the shipped network finds on the rendered pictures; and, where DWNET_TEST_DATA has the clips
fashion/1 and taichi/1, those that it finds on their first `--clips` frames, against their own DensePose maps, and these themselves. A row
each before and after:

iou, parts       silhouettes' intersection over union, and share of the body with the right part
u, v             mean error in levels of 0..255 where the part is right
part_flicker     per cent of body pixels whose part differs from that of both frames beside, which agree
uv_flicker       mean |x(t) - (x(t-1) + x(t+1)) / 2| in levels where all three have one part
toggles, wander  per cent of body pixels that become right or wrong from one frame to the next; mean change of the error of U and V: both
                 are nought for exact maps, however they move
ms               processor milliseconds a frame

Then the shipped generator animates another rendered person by the maps of `--videos` of the rendered clips, and of the real ones.
`temporal`: mean perceptual distance (EfficientNet-Lite0, as in docs/metrics.md) of each frame to the next one. `distance`: the same to the
video by exact maps, or the real ones.
"""

import argparse
import datetime
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from animate import maps_of
from natsort import natsorted
from PIL import Image

from densepose_cache.iuv import read_iuv_png
from densepose_cache.iuv.agreement import agreement
from densepose_cache.iuv.degrade import degrade_iuv
from densepose_cache.iuv.maps import ClipMaps
from densepose_cache.iuv.quality import measure
from densepose_cache.rendered.figure.motion import MOTIONS
from densepose_cache.rendered.render import RenderedClip
from dwnet.animation.motion import DrivingFrame
from dwnet.animation.smoothing.stream import smoothed
from dwnet.evaluation.metrics.perceptual import perceptual
from dwnet.inference.driving import FreeDriving
from dwnet.inference.rollout import generate_frames
from dwnet.model.checkpoint import load_model
from dwnet.model.perceptual import EmbeddedFeatures
from dwnet.pretrained import EMBEDDED

SEED = 77
CLIPS = ("fashion", "taichi")
CPU = torch.device("cpu")
LONGEST = 80
"""Frames that are animated of a clip."""


def even(maps: np.ndarray) -> tuple[np.ndarray, float]:
    """Maps (T, S, S, 3) evened out, and processor milliseconds a frame."""
    began = time.process_time()
    found = np.stack([frame.iuv for frame in smoothed(DrivingFrame(iuv, None) for iuv in maps)])
    return found, 1000 * (time.process_time() - began) / len(maps)


def error_changes(maps: np.ndarray, exact: np.ndarray) -> tuple[float, float]:
    """Share of the body that becomes right or wrong from frame to frame, and mean change of the error of U and V where it stays right."""
    right = maps[..., 0] == exact[..., 0]
    body = (maps[..., 0] > 0) | (exact[..., 0] > 0)
    toggles = (right[1:] != right[:-1]).sum() / (body[1:] | body[:-1]).sum()
    changes, pixels = 0, 0
    for t in range(1, len(maps)):
        both = right[t] & right[t - 1] & (exact[t, ..., 0] > 0) & (exact[t - 1, ..., 0] > 0)
        errors = [maps[k][both, 1:].astype(int) - exact[k][both, 1:] for k in (t, t - 1)]
        changes, pixels = changes + np.abs(errors[0] - errors[1]).sum(), pixels + errors[0].size
    return toggles, changes / max(pixels, 1)


def figures(maps: np.ndarray, exact: np.ndarray, milliseconds: float) -> dict[str, float]:
    """A row of the table, of maps (T, S, S, 3) uint8 against exact ones."""
    nobody = np.zeros(len(maps), bool)
    quality = measure(ClipMaps(maps, nobody, np.full(len(maps), np.nan, np.float32), nobody.astype(np.int32), nobody))
    found, (toggles, wander) = agreement(maps, exact), error_changes(maps, exact)
    names = {"iou": "silhouette_iou", "parts": "part_accuracy", "u": "u_error", "v": "v_error"}
    flicker = {"part_flicker": 100 * quality.part_flicker, "uv_flicker": quality.uv_flicker}
    return {name: found[key] for name, key in names.items()} | flicker | {"toggles": 100 * toggles, "wander": wander, "ms": milliseconds}


class Videos:
    """Animates one rendered person with the generator that ships, and compares its frames."""

    def __init__(self, size: int):
        self._generator, self._features = load_model(EMBEDDED)[0], EmbeddedFeatures()
        rng = np.random.default_rng(1)
        self._person = next(iter(RenderedClip(rng, size=size, frames=2, fps=4, motion="walk", background="room")))

    def animated(self, maps: np.ndarray) -> Iterator[list[torch.Tensor]]:
        """Yield the feature maps of every frame of the person animated by `maps`."""
        driving = FreeDriving(self._person.rgb, self._person.iuv, maps, "lattice")
        for frame in generate_frames(self._generator, [driving], [len(maps)], CPU):
            with torch.inference_mode():
                yield self._features(torch.from_numpy(frame).permute(0, 3, 1, 2).float() / 127.5 - 1)

    def apart(self, one: list[torch.Tensor], other: list[torch.Tensor]) -> float:
        """Perceptual distance of two frames by their feature maps."""
        return perceptual(one, other, self._features.tap_weights).item()

    def compare(self, maps: np.ndarray, wanted: list[list[torch.Tensor]]) -> dict[str, float]:
        """Mean distance of each frame to the next, and to those `wanted`."""
        steps, gaps, before = [], [], None
        for taps, exact in zip(self.animated(maps), wanted, strict=True):
            steps += [] if before is None else [self.apart(before, taps)]
            gaps.append(self.apart(taps, exact))
            before = taps
        return {"temporal": float(np.mean(steps)), "distance": float(np.mean(gaps))}


def read_clip(folder: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` frames (T, S, S, 3) uint8 of a clip and their real maps."""
    frames, maps = (natsorted((folder / name).glob("*.png"))[:count] for name in ("target", "dp_target"))
    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in frames]), np.stack([read_iuv_png(path) for path in maps])


def all_clips(options):
    """Yield name, the kinds of maps by name, and the exact, or real, maps of every clip."""
    for number in range(options.people):
        rng = np.random.default_rng([SEED, number])
        motion = MOTIONS[number % len(MOTIONS)]
        clip = list(RenderedClip(rng, size=options.size, frames=options.frames, fps=options.fps, motion=motion, wide=True))
        exact = np.stack([frame.iuv for frame in clip])
        degraded = degrade_iuv(exact, np.random.default_rng([SEED + 1, number]))
        yield "rendered", {"exact": exact, "degraded": degraded, "network": maps_of(np.stack([frame.rgb for frame in clip]))}, exact
    if "DWNET_TEST_DATA" in os.environ and options.clips:
        for name in CLIPS:
            frames, real = read_clip(Path(os.environ["DWNET_TEST_DATA"]) / "data/ubc_sample" / name / "1", options.clips)
            yield name, {"network": maps_of(frames), "DensePose": real}, real


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--fps", type=float, default=25)
    parser.add_argument("--clips", type=int, default=200, help="frames of each real clip")
    parser.add_argument("--videos", type=int, default=4, help="rendered clips whose maps animate a person")
    options = parser.parse_args()
    rows, seen, count = [], [], 0
    videos = Videos(options.size)
    for clip, kinds, exact in all_clips(options):
        shown = clip != "rendered" or count < options.videos
        count += clip == "rendered"
        wanted = list(videos.animated(exact[:LONGEST])) if shown else []
        for kind, maps in kinds.items():
            found, milliseconds = even(maps)
            for when, these, cost in (("before", maps, np.nan), ("after", found, milliseconds)):
                name = {"clip": clip, "maps": kind, "when": when}
                rows.append(name | figures(these, exact, cost))
                if shown:
                    seen.append(name | videos.compare(these[:LONGEST], wanted))
    print(f"{datetime.date.today()}, {os.cpu_count()} cores: {vars(options)}")
    for table in (rows, seen):
        means = pd.DataFrame(table).groupby(["clip", "maps", "when"], sort=False).mean()
        print(means.to_string(float_format=lambda value: f"{value:.3f}", na_rep=""))


if __name__ == "__main__":
    main()
