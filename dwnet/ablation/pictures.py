"""The picture grid of the ablations, like the left half of the paper's Figure 5: a row for each of a few test clips."""

import contextlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from densepose_cache.cache.reader import SplitReader

from ..evaluation.metrics.names import VARIANT_TITLES
from ..evaluation.paired import spread
from ..evaluation.runs import Run
from ..inference.panels import INK, PAPER, caption_height, iuv_colours, sheet
from ..inference.rollout_file import RolloutReader

SIDE = 192
"""Pixels that a picture has at least; smaller frames are enlarged by a whole number."""
READ = 16
"""Frames of a clip looked at together."""


def picture_grid(runs: dict[str, Run], data: SplitReader, clips: int) -> np.ndarray:
    """Rows: `clips` clips, evenly spread. Columns: source, driving IUV, real, every variant. (H, W, 3) uint8.

    A row shows the frame on which the variants disagree most (`telling_frame`).
    """
    with contextlib.ExitStack() as stack:
        rollouts = {variant: stack.enter_context(RolloutReader(run.rollout)) for variant, run in runs.items()}
        names = list(runs["full"].metrics["clips"])
        rows = [grid_row(rollouts, data, names[place]) for place in spread(len(names), clips)]
    captions = rows[0][0].shape[0]
    picture = [rows[0][1][:captions]]
    for title, shown in rows:
        picture += [title, shown[captions:]]
    return np.concatenate(picture)


def grid_row(rollouts: dict[str, RolloutReader], data: SplitReader, clip: str) -> tuple[np.ndarray, np.ndarray]:
    """A line with the clip's name and the frame's number, and a sheet of panels, both (h, W, 3) uint8."""
    frame = telling_frame(rollouts, clip)
    panels = {"source": data.frames(clip, 0), "driving": iuv_colours(data.iuv(clip, frame)), "real": data.frames(clip, frame)}
    panels |= {VARIANT_TITLES[variant]: rollout.frames(clip, slice(frame, frame + 1))[0] for variant, rollout in rollouts.items()}
    factor = -(-SIDE // data.size)
    shown = sheet({title: panel.repeat(factor, 0).repeat(factor, 1) for title, panel in panels.items()})
    return line(f"{clip}, frame {frame}", shown.shape[1], data.size * factor), shown


def telling_frame(rollouts: dict[str, RolloutReader], clip: str) -> int:
    """The frame whose colours differ most between the variants: largest mean over pixels of the standard deviation, the first of equals.

    Frame 0, which the source shows already, is chosen only where there is no other.
    """
    length = next(iter(rollouts.values())).length(clip)
    spreads = []
    for start in range(0, length, READ):
        frames = np.stack([rollout.frames(clip, slice(start, start + READ)) for rollout in rollouts.values()])
        spreads.append(frames.std(0, dtype=np.float32).mean((1, 2, 3), dtype=np.float64))
    found = np.concatenate(spreads)
    return int(np.argmax(found[1:])) + 1 if length > 1 else 0


def line(text: str, width: int, size: int) -> np.ndarray:
    """A line of text above panels of side `size`, as high as their captions: (h, width, 3) uint8."""
    height = caption_height(size)
    picture = Image.new("RGB", (width, height), PAPER)
    font = ImageFont.load_default(size=height * 0.72)
    ImageDraw.Draw(picture).text((4, height / 2), text, fill=INK, font=font, anchor="lm")
    return np.asarray(picture)
