"""Draw the method on one frame of a rendered person: the generator that ships, opened up.

Usage: make figure, or python workflow/scripts/method_figure.py [--out docs/images/method.png]

A photograph of one rendered person and three frames of another go through what `dwnet animate` does; the figure shows what the last frame
is made from. Nothing was trained on these two people.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from PIL import Image
from torch import Tensor

from densepose_cache.densepose.backends.embedded import EmbeddedNetwork
from densepose_cache.rendered.render import RenderedClip, clip_generator
from densepose_cache.warp.grid import visible_pixels
from dwnet.inference.driving import FreeDriving
from dwnet.inference.network_inputs import FilledInputs, network_input
from dwnet.inference.panels import iuv_colours
from dwnet.inference.rollout import to_pixels
from dwnet.model.checkpoint import load_model
from dwnet.model.warping import warp
from dwnet.pretrained import EMBEDDED

SIZE, FPS, SEED = 256, 12, 77_000
PERSON, PHOTO = 0, 0
"""Number of the person who is animated, and of the frame that is the photograph."""
DRIVER, FRAMES = 3, (11, 12, 13)
"""Number of the person who moves, and the frames; the last one is drawn."""
CROP = slice(28, 236)
"""Columns that are shown."""
CHECK = 16
"""Pixels of the photograph to a square of the checkerboard."""
LARGEST = 2.0
"""Pixels at which the correction has its strongest colour."""
INPUT, FIXED, LEARNED, RESULT = "#2f6db5", "#5d646e", "#d0660f", "#1f8a4c"
"""Colours of what is given, of what is computed without a network, of what the network decides, and of the result."""
LEGEND = {
    "given": INPUT,
    "computed": FIXED,
    "by the U-Net, which sees maps, warped pictures and how well they match": LEARNED,
    "generated": RESULT,
}
WIDTH, HEIGHT = 1.5, 1.5 * SIZE / (CROP.stop - CROP.start)
"""Of a panel, in inches."""
ACROSS, LEFT, DPI = 2.02, 0.2, 100
"""Inches from panel to panel, inches to the left of the first, and pixels an inch."""
ORDER = (3, 0, 1, 2, 4)
"""Numbers of the candidates, as they are drawn."""
COLOURS = 256
ROWS = (0.85, 3.85, 6.85, 9.25)
"""Inches from the top of the figure to the top of each row of panels."""


class Step(NamedTuple):
    """What one frame is made from."""

    pictures: dict[str, np.ndarray]
    """Panels (S, S, 3) uint8 by name."""
    candidates: list[np.ndarray]
    """The five pictures of the blend, (S, S, 3) uint8."""
    masks: list[np.ndarray]
    """Their masks (S, S) in [0, 1]."""


def render(person: int, frames: Sequence[int]) -> list[np.ndarray]:
    """Frames (S, S, 3) uint8 of a rendered person."""
    rng = clip_generator(SEED, "test", person)
    clip = RenderedClip(rng, size=SIZE, frames=24, fps=FPS, background="room")
    return [clip.render(number).rgb for number in frames]


def find_maps(frames: list[np.ndarray]) -> list[np.ndarray]:
    """IUV maps (S, S, 3) uint8 of frames with one person on each."""
    network = EmbeddedNetwork()
    detections = network.detect([network.prepare(frame) for frame in frames])
    return network.maps(detections, [0] * len(frames))


def checkerboard() -> np.ndarray:
    """The coordinates of the photograph as colours (S, S, 3) uint8: redder to the right, bluer to the bottom, in squares."""
    y, x = np.mgrid[:SIZE, :SIZE] / (SIZE - 1)
    ramp = np.stack([x, 0.9 - 0.9 * np.maximum(x, y), y], -1)
    rows, columns = np.indices((SIZE, SIZE)) // CHECK
    light = np.where((rows + columns) % 2, 1.0, 0.55)[..., None]
    return np.rint(255 * ramp * light).astype(np.uint8)


def faded(picture: np.ndarray, iuv: np.ndarray) -> np.ndarray:
    """`picture` (S, S, 3) uint8, paler where the map shows no body."""
    return np.where(iuv[..., :1] > 0, picture, 255 - (255 - picture) // 4)


def heat(pixels: np.ndarray) -> np.ndarray:
    """Lengths (H, W) in pixels as colours (H, W, 3) uint8: white for 0, the darkest red for LARGEST and more."""
    share = np.clip(pixels / LARGEST, 0, 1)[..., None]
    return np.rint(255 * (1 - share) + share * np.array([160, 20, 10])).astype(np.uint8)


@torch.inference_mode()
def run_generator() -> Step:
    """Animate the photograph; what the last frame is made from."""
    (photo,), frames = render(PERSON, [PHOTO]), render(DRIVER, FRAMES)
    photo_iuv, *maps = find_maps([photo, *frames])
    generator, device = load_model(EMBEDDED)[0], torch.device("cpu")
    driving = FreeDriving(photo, photo_iuv, maps, "lattice")
    inputs, source = FilledInputs([driving], False, device), network_input([photo], device)
    prepared, frame = generator.prepare(source, *inputs.of_source()), source
    for number in range(len(maps)):
        previous = frame
        iuv, grids, facts = inputs.of_frame(number, 1)
        blend = generator.blend(iuv, source, previous, *grids, prepared.at(**facts))
        frame = blend.frame
    coarse, board = driving.source_grid(len(maps) - 1), checkerboard()
    matched = visible_pixels(photo_iuv, maps[-1])[..., None]
    smooth, refined = facts["smooth_grid"], blend.grids[2]
    board_input = network_input([board], device)

    def on_body(grid: Tensor) -> np.ndarray:
        return faded(to_pixels(warp(board_input, grid, generator.settings.padding_mode))[0], maps[-1])

    pictures = {
        "photo": photo,
        "photo_iuv": iuv_colours(photo_iuv),
        "driving": frames[-1],
        "driving_iuv": iuv_colours(maps[-1]),
        "coordinates": faded(board, photo_iuv),
        "previous": to_pixels(previous)[0],
        "coarse_grid": np.where(matched, faded(board.reshape(-1, 3)[coarse], maps[-1]), np.uint8(255)),
        "coarse_warp": photo.reshape(-1, 3)[coarse],
        "smooth_grid": on_body(smooth),
        "correction": heat((refined - smooth)[0].norm(dim=-1).numpy() * (SIZE - 1) / 2),
        "refined_grid": on_body(refined),
        "frame": to_pixels(frame)[0],
    }
    return Step(pictures, [to_pixels(picture)[0] for picture in blend.pictures], list(blend.masks[0].numpy()))


class Canvas:
    """A figure on which panels stand in columns and rows."""

    def __init__(self):
        self.width, self.height = LEFT + 5 * ACROSS + WIDTH + 0.2, ROWS[-1] + HEIGHT + 0.6
        self.figure = plt.figure(figsize=(self.width, self.height), dpi=DPI)

    def text(self, x: float, y: float, words: str, **options):
        """Words at (x, y), in inches from the left and the top."""
        place = {"ha": "center", "va": "center", "fontsize": 11.5} | options
        self.figure.text(x / self.width, 1 - y / self.height, words, **place)

    def panel(self, column: int, row: int, picture: np.ndarray, colour: str, caption: str = "", **options):
        """A picture (S, S, 3) or (S, S), framed, with its caption of up to two lines above."""
        left, top = LEFT + column * ACROSS, ROWS[row]
        box = (left / self.width, 1 - (top + HEIGHT) / self.height, WIDTH / self.width, HEIGHT / self.height)
        axes = self.figure.add_axes(box, xticks=[], yticks=[])
        axes.imshow(picture[:, CROP], interpolation="antialiased", aspect="auto", **options)
        for spine in axes.spines.values():
            spine.set(color=colour, linewidth=2.5)
        self.text(left + WIDTH / 2, top - 0.07, caption, va="bottom", color=colour, fontweight="bold", linespacing=1.1)

    def between(self, column: int, row: int, sign: str):
        """A sign between a panel and the one to its right."""
        self.text(LEFT + column * ACROSS + (ACROSS + WIDTH) / 2, ROWS[row] + HEIGHT / 2, sign, fontsize=24)

    def title(self, row: int, words: str, rest: str):
        """The headline of a row."""
        y = ROWS[row] - 0.56
        self.text(LEFT, y, words, ha="left", fontsize=15, fontweight="bold")
        self.text(LEFT + 0.117 * len(words) + 0.25, y, rest, ha="left", fontsize=11.5, color=FIXED)

    def arrow(self, column: int, below: int, above: int, words: str):
        """An arrow from the panel in row `below` up to the one in row `above`, with words along it."""
        x, start, end = LEFT + column * ACROSS + WIDTH / 2, ROWS[below] - 0.4, ROWS[above] + HEIGHT + 0.05
        ends = [(x / self.width, 1 - y / self.height) for y in (start, end)]
        style = {"arrowstyle": "-|>", "color": RESULT, "linewidth": 3, "mutation_scale": 25}
        self.figure.add_artist(FancyArrowPatch(*ends, transform=self.figure.transFigure, **style))
        self.text(x - 0.2, (start + end) / 2, words, rotation=90, color=RESULT, fontsize=13)


def draw(step: Step) -> Figure:
    """The figure."""
    canvas, pictures = Canvas(), step.pictures
    canvas.title(0, "1  Inputs", "DensePose says for every pixel which body part it shows (I) and where on it (U, V)")
    canvas.panel(0, 0, pictures["photo"], INPUT, "source photo")
    canvas.between(0, 0, "→")
    canvas.panel(1, 0, pictures["photo_iuv"], FIXED, "its IUV map")
    canvas.panel(2, 0, pictures["driving"], INPUT, "driving frame")
    canvas.between(2, 0, "→")
    canvas.panel(3, 0, pictures["driving_iuv"], FIXED, "its IUV map")
    canvas.panel(4, 0, pictures["coordinates"], FIXED, "coordinates in\nthe photo")
    canvas.panel(5, 0, pictures["previous"], RESULT, "previous frame\n(generated)")

    canvas.title(1, "2  Warp grids", "which place in the photo every pixel reads: where both show the same body part, the nearest U and V")
    canvas.panel(0, 1, pictures["coarse_grid"], FIXED, "coarse warp grid\n(white: no match)")
    canvas.between(0, 1, "→")
    canvas.panel(1, 1, pictures["coarse_warp"], FIXED, "coarse warp: photo\nread at that grid")
    canvas.panel(2, 1, pictures["smooth_grid"], FIXED, "smooth grid: filled\nover the body")
    canvas.between(2, 1, "+")
    canvas.panel(3, 1, pictures["correction"], LEARNED, f"correction (darkest:\n{LARGEST:.0f} pixels or more)")
    canvas.between(3, 1, "=")
    canvas.panel(4, 1, pictures["refined_grid"], LEARNED, "refined\nsmooth grid")

    canvas.title(2, "3  Blend", "every pixel is a sum of five candidates, each times its mask")
    captions = (
        "photo at refined\nsmooth grid",
        "photo at refined\ncoarse grid",
        "previous frame,\nwarped",
        "background\nplate",
        "colours drawn\nby the U-Net",
    )
    for column, (number, caption) in enumerate(zip(ORDER, captions, strict=True)):
        colour = LEARNED if caption.startswith("colours") else FIXED
        canvas.panel(column, 2, step.candidates[number], colour, caption)
        canvas.panel(column, 3, step.masks[number], LEARNED, "× mask", cmap="gray", vmin=0, vmax=1)
        if column < len(ORDER) - 1:
            canvas.between(column, 3, "+")
    canvas.between(len(ORDER) - 1, 3, "=")
    canvas.panel(5, 3, pictures["frame"], RESULT, "generated frame")
    canvas.arrow(5, 3, 0, "previous frame of the next step")
    x = LEFT
    for words, colour in LEGEND.items():
        canvas.text(x, canvas.height - 0.22, f"■ {words}", ha="left", color=colour, fontweight="bold")
        x += 0.105 * len(words) + 0.5
    return canvas.figure


def save(figure: Figure, out: Path):
    """Write the figure as a PNG of 256 colours."""
    figure.canvas.draw()
    picture = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3])
    out.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(COLOURS, Image.Quantize.MEDIANCUT, kmeans=3, dither=Image.Dither.NONE).save(out, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images/method.png"))
    save(draw(run_generator()), parser.parse_args().out)


if __name__ == "__main__":
    main()
