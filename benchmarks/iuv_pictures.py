"""A picture of what the shipped IUV network draws on the rendered people that its figures are recorded on, from well to worst.

Usage: python benchmarks/iuv_pictures.py OUT.png. Above the picture, in the middle its exact map, below the network's; over each the share
of the body that has the right part. Pictures with hardly any body are left out.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw

from densepose_cache.iuv.agreement import agreement
from densepose_cache.iuv_network.both_ways import both_ways
from densepose_cache.iuv_network.model import IuvNetwork
from densepose_cache.iuv_network.training.batches import IuvBatch
from densepose_cache.iuv_network.training.losses import to_input, true_uv
from densepose_cache.iuv_network.training.score import check_batches
from densepose_cache.iuv_network.weights import load_weights

SIDE, GAP, HEAD = 160, 4, 16
LEAST = 300
"""Pixels of body, at half the input's side."""
GOOD, WORST = (2, 8, 18, 27), 6
"""Which of the best ones are shown, by rank, and how many of the worst."""


@torch.no_grad()
def drawn(network: IuvNetwork, batch: IuvBatch) -> list[tuple[float, np.ndarray, np.ndarray, np.ndarray]]:
    """Of every picture with a body: share of right parts, picture (H, W, 3), exact map and network's map (H / 2, W / 2, 3), uint8."""
    maps = both_ways(network, to_input(batch.images))
    part = torch.where(maps.silhouette > 0, maps.parts.argmax(1) + 1, 0)
    uv = true_uv(F.interpolate(maps.uv, part.shape[1:], mode="bilinear", align_corners=False), part).clamp(0, 1) * 255
    found = torch.cat([part[:, None], uv * (part[:, None] > 0)], 1).byte()
    pictures, exact, found = (values.permute(0, 2, 3, 1).numpy() for values in (batch.images, batch.half, found))
    rows = zip(pictures, exact, found, strict=True)
    return [(agreement(c[None], b[None])["part_accuracy"], a, b, c) for a, b, c in rows if np.count_nonzero(b[..., 0]) >= LEAST]


def tile(picture: np.ndarray) -> Image.Image:
    """A picture or map at the height of a row, in the middle of a square."""
    image = Image.fromarray(picture)
    image = image.resize((round(image.width * SIDE / image.height), SIDE), Image.Resampling.NEAREST)
    square = Image.new("RGB", (SIDE, SIDE), "white")
    square.paste(image, ((SIDE - image.width) // 2, 0))
    return square


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    network = load_weights()
    with tempfile.TemporaryDirectory() as folder:
        found = [one for batch in check_batches(Path(folder)) for one in drawn(network, batch)]
    found.sort(key=lambda one: -one[0])
    shown = [found[rank] for rank in GOOD] + found[-WORST:]
    sheet = Image.new("RGB", ((SIDE + GAP) * len(shown), HEAD + 3 * (SIDE + GAP)), "white")
    for column, (share, picture, *maps) in enumerate(shown):
        left = column * (SIDE + GAP)
        ImageDraw.Draw(sheet).text((left + GAP, 2), f"{share:.0%} right", fill="black")
        coloured = [np.dstack([one[..., 0] * 10, one[..., 1:]]) for one in maps]
        for row, one in enumerate((picture, *coloured)):
            sheet.paste(tile(one), (left, HEAD + row * (SIDE + GAP)))
    sheet.save(options.out, optimize=True)
    print(f"{options.out}: {len(shown)} of {len(found)} pictures")


if __name__ == "__main__":
    main()
