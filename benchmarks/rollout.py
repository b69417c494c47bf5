"""Frames a second of the rollout, one video and 32 side by side, beside the official implementation's test loop.

Usage: python benchmarks/rollout.py [--official CHECKOUT] [--size 256] [--ngf 64] [--frames 24] [--streams 1 32] [--device cuda]

The peer is the official test loop, run from a checkout of its repository that CHECKOUT names: one video, float32, and for every frame two
grids by new k-d trees for every part, and the source's features once more. Without CHECKOUT the peer is left out. Ours is
`dwnet.inference.rollout.generate_frames`, which `dwnet rollout` calls: grids from the cache (they are decoded here as there), the
source's features once a video, in fp32, which is exact, and in bf16. Both have the same weights and are driven by the same rendered person;
frames and maps lie in memory for both, and neither writes what it makes.

Prints one JSON line: for every way frames a second, of all videos together, and times the peer; the largest difference between the peer's
first frame and ours in fp32, in levels of 0..255, where the trees choose other pixels among those at equal distance. By the clock on a GPU,
where the first frames are not counted; processor time on the CPU.
"""

import argparse
import datetime
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from official_code import Official, random_vgg
from warp import trees_per_pair

from densepose_cache.rendered.render import RenderedClip
from densepose_cache.warp import source_frame
from densepose_cache.warp.codec import MapCodes, decode, encode
from dwnet.config import ModelSettings
from dwnet.inference.network_inputs import network_input
from dwnet.inference.rollout import generate_frames, to_pixels
from dwnet.model.generator import Generator
from dwnet.model.official.state_dict import load_generator

WARM_UP = 4
"""Frames of every video that are not counted on a GPU."""


class CachedPerson:
    """A rendered person who moves himself: frames and maps in memory, grids as they lie in the cache."""

    def __init__(self, size: int, frames: int):
        clip = list(RenderedClip(np.random.default_rng(0), size=size, frames=frames, fps=8, motion="turn", background="plain"))
        self.source, self.maps = clip[0].rgb, [frame.iuv for frame in clip]
        self.source_iuv = self.maps[0]
        self._codes = [MapCodes.of(iuv) for iuv in self.maps]
        pairs = {(0, t) for t in range(frames)} | set(itertools.pairwise(range(frames)))
        self._grids = {(i, j): self._encoded(i, j) for i, j in pairs}

    def _encoded(self, i: int, j: int) -> bytes:
        return encode(source_frame("lattice", self.maps[i]).grids([self.maps[j]])[0].index, self._codes[i], self._codes[j])

    def iuv(self, number: int) -> np.ndarray:
        return self.maps[number]

    def source_grid(self, number: int) -> np.ndarray:
        return decode(self._grids[0, number], self._codes[0], self._codes[number])

    def previous_grid(self, number: int) -> np.ndarray:
        return decode(self._grids[number - 1, number], self._codes[number - 1], self._codes[number])


def official_frames(peer: Official, person: CachedPerson, device: torch.device) -> Iterator[np.ndarray]:
    """Its test loop over one video: trees for both grids of every frame, then the generator."""
    source = network_input([person.source], device)
    previous = source
    for number, iuv in enumerate(person.maps):
        grids = [trees_per_pair(before, iuv) for before in (person.maps[0], *person.maps[number - 1 : number])]
        grids = [torch.from_numpy(grid)[None].to(device) for grid in grids]
        previous = peer.frame(network_input([iuv], device), source, previous, grids[0], grids[-1])
        yield to_pixels(previous)


def frames_per_second(frames: Iterator[np.ndarray], device: torch.device) -> float:
    """Of all videos together; on a GPU without the first frames."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    start, count = clock(), 0
    for number, made in enumerate(frames):
        if device.type == "cuda" and number + 1 == WARM_UP:
            start, count = clock(), 0
        else:
            count += len(made)
    return count / (clock() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", type=Path, help="checkout of the official repository")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--ngf", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16"])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    torch.manual_seed(0)
    person, found, difference = CachedPerson(options.size, options.frames), {}, None
    if options.official:
        peer = Official(options.official, device, options.size, 1, 1, options.ngf, 8, options.blocks, False, random_vgg())
        peer.model.netG.eval()
        generator = load_generator(peer.model.netG.state_dict()).to(device)
        ours = next(generate_frames(generator, [person], [options.frames], device))
        difference = int(np.abs(next(official_frames(peer, person, device)).astype(int) - ours).max())
        found["official"] = frames_per_second(official_frames(peer, person, device), device)
    else:
        generator = Generator(ModelSettings(ngf=options.ngf, blocks=options.blocks)).to(device).eval()
    for streams, precision in itertools.product(options.streams, options.precisions):
        drivings, lengths = [person] * streams, [options.frames] * streams
        found[f"{streams}_{precision}"] = frames_per_second(generate_frames(generator, drivings, lengths, device, precision), device)
    result = {"date": datetime.date.today().isoformat(), "torch": torch.__version__}
    result["device"] = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    result |= {name: getattr(options, name) for name in ("size", "ngf", "blocks", "frames")}
    result["frames_per_second"] = {name: round(value, 2) for name, value in found.items()}
    if options.official:
        result["times_official"] = {name: round(value / found["official"], 2) for name, value in found.items()}
        result["first_frame_levels_apart"] = difference
    print(json.dumps(result))


if __name__ == "__main__":
    main()
