"""How much `dwnet animate --align auto` brings where photo and motion show people of different build, and what it costs elsewhere.

Usage: python benchmarks/proportions.py [--maps exact|embedded] [--frames 12] [--size 256] [--pictures FOLDER]

Renders pairs: person A, and person B, smaller, taller or broader, with the same motion before the same camera. A's photo, in another pose
at the same place, is animated with B's maps by the generator that ships; the exact transfer is A rendered with that motion. Reported are
AKD (MediaPipe, pixels at 256x256) against the exact transfer without and with alignment, and the same where A's own maps drive (equal
builds). `--maps embedded` takes all maps from the network that ships instead of the exact ones. `--pictures` writes a PNG a pair: photo,
driving, without, with, exact transfer.

Prints a line of a Markdown table for every pair, and the means.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from animate import maps_of
from PIL import Image

from densepose_cache.rendered.figure.person import resized
from densepose_cache.rendered.render import RenderedClip
from densepose_cache.rendered.scene import Camera
from dwnet.animation.proportions.fit import fit
from dwnet.animation.proportions.segments import measured
from dwnet.animation.proportions.similarity import Similarity
from dwnet.evaluation.keypoints.mediapipe_pose import TASK, MediaPipePose
from dwnet.evaluation.metrics.keypoint_distance import akd
from dwnet.inference.driving import FreeDriving
from dwnet.inference.rollout import generate_frames
from dwnet.model.checkpoint import load_model
from dwnet.pretrained import EMBEDDED

BUILDS = ((0.75, 0.75), (0.85, 0.85), (1.15, 1.15), (1.3, 1.3), (1, 1.2), (1, 0.85), (0.8, 1), (1.2, 1), (0.8, 0.95), (1.2, 1.35))
BUILDS += ((0.7, 0.8), (0.9, 1.1), (1, 1), (1, 1), (1, 1))
"""Height and breadth of B, who is someone else than A anyway."""
MOTIONS = ("walk", "turn", "arms", "squat", "kick")
CPU = torch.device("cpu")


def pair(number: int, size: int, frames: int) -> tuple[RenderedClip, RenderedClip, RenderedClip]:
    """A's clip, B's with the same motion, and one of A's poses in another motion, of which frame 3 is the photo."""
    (height, breadth), motion = BUILDS[number], MOTIONS[number % len(MOTIONS)]
    fps = 8 * frames / 24
    kinds = {"size": size, "fps": fps, "background": "room"}
    a = RenderedClip(np.random.default_rng(100 + number), frames=frames, motion=motion, **kinds)
    zoom, middle, camera = 0.93 / max(1, height), size / 2, a.camera
    centre = (middle + (at - middle) * zoom for at in (camera.centre_x, camera.centre_y))
    a.camera = Camera(camera.distance, camera.focal * zoom, *centre)
    b = RenderedClip(np.random.default_rng(900 + number), frames=2, motion=motion, **kinds)
    pose = RenderedClip(np.random.default_rng(500 + number), frames=8, motion=("arms", "walk", "arms")[number % 3], **{**kinds, "fps": 8})
    return a, a.acted(resized(b.figure, height, breadth)), a.acted(motion=pose.motion)


def animated(generator, photo: np.ndarray, iuv: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """The frames (T, S, S, 3) of a photo that moves as maps do."""
    driving = FreeDriving(photo, iuv, maps, "lattice")
    return np.stack([frame[0] for frame in generate_frames(generator, [driving], [len(maps)], CPU)])


def distance(pose: MediaPipePose, shown: np.ndarray, exact: list[np.ndarray]) -> float:
    """Mean AKD of frames to the joints of the exact ones."""
    found = [akd(real, people[0], shown.shape[1]) for frame, real in zip(shown, exact, strict=True) if len(people := pose.detect(frame))]
    return float(np.nanmean(found))


def measure(number: int, options, generator, pose: MediaPipePose) -> tuple[float, ...]:
    """AKD of a pair without and with alignment, and of equal builds without and with it. Prints the pair's line."""
    a, b, posed = pair(number, options.size, options.frames)
    shown = posed.render(3)
    exact, driving = list(a), list(b)
    pictures = {name: np.stack([frame.rgb for frame in clip]) for name, clip in (("a", exact), ("b", driving))}
    if options.maps == "embedded":
        iuv, maps = maps_of(shown.rgb[None])[0], {name: maps_of(frames) for name, frames in pictures.items()}
    else:
        iuv, maps = shown.iuv, {name: np.stack([frame.iuv for frame in clip]) for name, clip in (("a", exact), ("b", driving))}
    joints = [people[0] if len(people := pose.detect(frame)) else np.zeros((17, 3)) for frame in pictures["a"]]
    values, results, fits = [], [], []
    for name in ("b", "a"):
        similarity, _ = fit(measured(iuv), [body for body in map(measured, maps[name]) if body], options.size)
        fits.append(similarity)
        for done in (Similarity(), similarity):
            if name == "a" and done.identity and values[2:]:
                values.append(values[2])
                continue
            results.append(animated(generator, shown.rgb, iuv, np.stack([done.apply(one) for one in maps[name]])))
            values.append(distance(pose, results[-1], joints))
    cells = [f"{value:.2f}" for value in (*BUILDS[number], fits[0].height, fits[0].width, *values)]
    print("|", " | ".join([str(number + 1), a.motion.kind, *cells]), "|", flush=True)
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        rows = [[shown.rgb, pictures["b"][t], results[0][t], results[1][t], pictures["a"][t]] for t in (0, options.frames // 2)]
        Image.fromarray(np.vstack([np.hstack(row) for row in rows])).save(options.pictures / f"{number + 1:02}.png")
    return tuple(values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--maps", choices=("exact", "embedded"), default="exact")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pictures", type=Path)
    options = parser.parse_args()
    generator, pose = load_model(EMBEDDED)[0], MediaPipePose(TASK)
    print("| pair | motion | height | breadth | fitted height | fitted breadth | AKD off | AKD auto | equal: off | equal: auto |")
    print("|" + "---|" * 10)
    values = np.array([measure(number, options, generator, pose) for number in range(len(BUILDS))])
    pose.close()
    print("mean:", " | ".join(f"{value:.2f}" for value in values.mean(0)))


if __name__ == "__main__":
    main()
