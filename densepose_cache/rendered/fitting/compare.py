"""Measure and draw how close the chart is to real DensePose maps.

    python -m densepose_cache.rendered.fitting.compare FOLDER --out picture.png

FOLDER holds clips in the official layout, `**/dp_target/*_IUV.png`. The body is laid over every k-th map; the picture shows real maps above
rendered ones, and the table gives for every part the median absolute difference of U and V over the pixels where both name that part and
the Wasserstein distance of their histograms over the same pixels. The last line gives the share of pixels whose parts agree.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from PIL import Image
from scipy.stats import wasserstein_distance

from ...core.errors import InputError
from ...core.progress import track
from ...iuv import PART_NAMES, read_iuv_png
from ...video import frame_files
from ..figure.body import MAN, WOMAN
from ..figure.chart import ChartMesh, chart_mesh
from .align import Aligner, Alignment

LOST = 0.016
"""Alignments that leave more than this share of the picture's side are not measured."""


@dataclass
class AlignedMap:
    """A real map (S, S, 3), the body's alignment to it and the sex of the body."""

    iuv: np.ndarray
    alignment: Alignment
    sex: int


def clip_folders(folder: Path, name: str = "dp_target") -> list[Path]:
    """Folders called `name` at any depth below `folder`, sorted. Raises InputError if there is none."""
    found = sorted(path for path in Path(folder).rglob(name) if path.is_dir())
    if not found:
        raise InputError(f"{folder}: no folder `{name}` with IUV PNGs below it; give a folder in the official layout")
    return found


def align_clips(folder: Path, mesh: ChartMesh, every: int, seed: int = 0, ignore: tuple[int, ...] = ()) -> list[AlignedMap]:
    """Align the body to every `every`-th map of every clip below `folder`; each clip takes the sex that fits its first map better."""
    rng, out = np.random.default_rng(seed), []
    for clip in clip_folders(folder):
        maps = [read_iuv_png(path) for path in frame_files(clip)[::every]]
        aligners = {sex: Aligner(mesh, sex, maps[0].shape[0], rng) for sex in (MAN, WOMAN)}
        sex = min(aligners, key=lambda sex: aligners[sex].align(maps[0], None, ignore).distance)
        previous = None
        for iuv in track(maps, f"aligning {clip.parent.name}"):
            previous = aligners[sex].align(iuv, previous, ignore)
            out.append(AlignedMap(iuv, previous, sex))
    return out


def pixel_pairs(aligned: list[AlignedMap], mesh: ChartMesh) -> pd.DataFrame:
    """One row per pixel that is body in both maps: part, rendered_part, p, q, u, v (real), rendered_u, rendered_v."""
    rng, tables = np.random.default_rng(0), []
    aligners = {}
    for item in aligned:
        size = len(item.iuv)
        if item.alignment.distance > LOST * size:
            continue
        key = item.sex, size
        aligners[key] = aligners.get(key) or Aligner(mesh, item.sex, size, rng)
        part, local, uv = aligners[key].render(item.alignment)
        both = (part > 0) & (item.iuv[..., 0] > 0)
        columns = [item.iuv[both][:, :1], part[both][:, None], local[both], item.iuv[both][:, 1:], uv[both]]
        tables.append(np.concatenate(columns, 1).astype(float))
    return pd.DataFrame(np.concatenate(tables), columns=["part", "rendered_part", "p", "q", "u", "v", "rendered_u", "rendered_v"])


def error_table(pairs: pd.DataFrame) -> pd.DataFrame:
    """Per part: name, pixels, median absolute differences and Wasserstein distances of U and V in levels of 0..255."""
    rows = []
    for number, mine in pairs[pairs.part == pairs.rendered_part].groupby("part"):
        row = {"part": int(number), "name": PART_NAMES[int(number)], "pixels": len(mine)}
        for channel in "uv":
            row[f"{channel}_error"] = (mine[channel] - mine[f"rendered_{channel}"]).abs().median()
            row[f"{channel}_wasserstein"] = wasserstein_distance(mine[channel], mine[f"rendered_{channel}"])
        rows.append(row)
    return pd.DataFrame(rows)


def draw(aligned: list[AlignedMap], mesh: ChartMesh, columns: int = 6) -> Image.Image:
    """Real maps above, rendered maps below; I, U, V as red, green, blue."""
    rng, pairs = np.random.default_rng(0), []
    chosen = [aligned[k] for k in np.linspace(0, len(aligned) - 1, min(columns * 2, len(aligned))).astype(int)]
    for item in chosen:
        part, _, uv = Aligner(mesh, item.sex, len(item.iuv), rng).render(item.alignment)
        rendered = np.concatenate([part[..., None], np.rint(uv)], 2).astype(np.uint8)
        brighter = np.array([10, 1, 1], np.uint8)
        pairs.append(np.concatenate([item.iuv * brighter, rendered * brighter], 0))
    rows = [np.concatenate(pairs[k : k + columns], 1) for k in range(0, len(pairs), columns) if len(pairs[k : k + columns]) == columns]
    return Image.fromarray(np.concatenate(rows or [np.concatenate(pairs, 1)], 0))


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of clips in the official layout.")],
    out: Annotated[Path | None, typer.Option(help="PNG with real maps above rendered ones.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Take every k-th map.")] = 10,
):
    """Compare the sample's chart with real DensePose maps."""
    mesh = chart_mesh()
    aligned = align_clips(folder, mesh, every)
    pairs = pixel_pairs(aligned, mesh)
    table = error_table(pairs)
    typer.echo(table.round(1).to_string(index=False))
    means = table[["u_error", "v_error", "u_wasserstein", "v_wasserstein"]].mean().round(1).to_dict()
    typer.echo(f"mean over parts: {means}; parts agree on {(pairs.part == pairs.rendered_part).mean():.3f} of the pixels")
    if out:
        draw(aligned, mesh).save(out)


if __name__ == "__main__":
    typer.run(main)
