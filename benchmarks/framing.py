"""How well small people on large photos are found: `dwnet animate` with `--crop auto` beside `--crop off`.

Usage: python benchmarks/framing.py [--people 8] [--heights 60 90 130 180 260 400]

Pastes rendered people of known IUV maps into photos of 900x600, and finds their maps at 256x256 with the network that ships. Prints a JSON
line for every height in pixels: on how many photos nobody was found, and the mean intersection over union of the silhouette with the
exact one (0 where nobody was found), both measured on the photo; with a crop also the seconds that a photo takes, the look included.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from densepose_cache.config import DensePoseSettings
from densepose_cache.core.errors import InputError
from densepose_cache.rendered.backgrounds import draw_background
from densepose_cache.rendered.render import RenderedClip
from dwnet.animation.extraction import Extraction
from dwnet.animation.framing.choice import Framing
from dwnet.animation.person import load_person

WIDTH, HEIGHT = 900, 600


def photo(seed: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo (H, W, 3) uint8 with a person of about `height` pixels somewhere, and where the body is (H, W) bool."""
    rng = np.random.default_rng(seed)
    side = round(height / 0.88)
    person = RenderedClip(rng, size=side, frames=1, fps=5, motion="walk", background="plain").render(0)
    scene = Image.fromarray(draw_background(rng)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    pixels, body = np.array(scene), np.zeros((HEIGHT, WIDTH), bool)
    left, top = rng.integers(0, WIDTH - side + 1), rng.integers(0, max(HEIGHT - side, 0) + 1)
    window = slice(top, top + side), slice(left, left + side)
    pixels[window] = np.where(person.silhouette[..., None], person.rgb, pixels[window])
    body[window] = person.iuv[..., 0] > 0
    return pixels, body


def agreement(path: Path, body: np.ndarray, crop: bool, extraction: Extraction) -> float | None:
    """Intersection over union of what is found and the `body`, in the square; None where nobody is found."""
    try:
        person = load_person(str(path), None, 256, extraction, Framing(crop))
    except InputError:
        return None
    exact, found = person.geometry.labels(body[..., None])[..., 0], person.iuv[..., 0] > 0
    missed = body.sum() * (person.geometry.size / person.geometry.side) ** 2 - exact.sum()  # outside of the square
    return float((exact & found).sum() / ((exact | found).sum() + max(0.0, missed)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--heights", type=int, nargs="+", default=[60, 90, 130, 180, 260, 400])
    options = parser.parse_args()
    extraction = Extraction(DensePoseSettings(backend="embedded", device="cpu"), Path("weights"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "photo.png")
        for height in options.heights:
            found, seconds = {True: [], False: []}, 0.0
            for seed in range(options.people):
                pixels, body = photo(seed, height)
                Image.fromarray(pixels).save(path)
                for crop, values in found.items():
                    start = time.perf_counter()
                    values.append(agreement(path, body, crop, extraction))
                    seconds += crop * (time.perf_counter() - start)
            line = {"height": height, "seconds": round(seconds / options.people, 2), "threads": torch.get_num_threads()}
            for name, values in (("auto", found[True]), ("off", found[False])):
                line[name] = {"nobody": values.count(None), "iou": round(float(np.mean([value or 0 for value in values])), 3)}
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
