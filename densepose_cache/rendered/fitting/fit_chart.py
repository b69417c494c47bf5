"""Fit the chart's tables on real DensePose maps and rewrite `chart_tables.py`.

    python -m densepose_cache.rendered.fitting.fit_chart FOLDER

Alternates between laying the body over the maps by the present tables and fitting the tables to the pixels so aligned. A table starts as a
plane (`START`) and is moved by a smooth correction: least squares over the medians of small cells of p and q, with penalties on its
curvature and, weakly, on its size. Left and right share their tables, mirrored where the chart is.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from ..figure import chart_tables
from ..figure.chart import bilinear, chart_mesh, chart_values
from .compare import align_clips, error_table, pixel_pairs

KNOTS = 5
ROUNDS = 3
CELLS, FULL_CELL, LEAST_CELL = 14, 200, 6
CURVATURE, SIZE, WRAP = 0.5, 0.05, 0.3
UP, DOWN = 1, -1
START = {  # part: which coordinate U follows and how, which V follows and how
    1: ("p", UP, "q", DOWN),
    2: ("p", UP, "q", DOWN),
    3: ("q", DOWN, "p", UP),
    6: ("p", DOWN, "q", UP),
    7: ("p", UP, "q", UP),
    9: ("p", DOWN, "q", DOWN),
    11: ("p", DOWN, "q", UP),
    13: ("p", UP, "q", UP),
    16: ("p", UP, "q", UP),
    18: ("p", UP, "q", UP),
    20: ("p", DOWN, "q", DOWN),
    22: ("p", UP, "q", UP),
    23: ("q", DOWN, "p", UP),
}
TWINS = {3: (4, True), 6: (5, True), 7: (8, False), 9: (10, False), 11: (12, False), 13: (14, False), 16: (15, False), 18: (17, False)}
TWINS |= {20: (19, False), 22: (21, False), 23: (24, True)}
"""Part on the right: (part on the left, whether U is mirrored). The trunk is its own twin with V mirrored."""
WRAPPED = (3, 6)


def start_table(part: int) -> np.ndarray:
    """Planes (2, 5, 5) in 0..255 over p (rows) and q (columns)."""
    u_axis, u_way, v_axis, v_way = START[part]
    p, q = np.meshgrid(np.linspace(0, 1, KNOTS), np.linspace(0, 1, KNOTS), indexing="ij")
    planes = [{"p": p, "q": q}[axis] if way == UP else 1 - {"p": p, "q": q}[axis] for axis, way in ((u_axis, u_way), (v_axis, v_way))]
    return 255 * np.stack(planes)


def with_twins(tables: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Tables of all 24 parts from those of the parts of `START`."""
    out = dict(tables)
    for right, (left, mirrored) in TWINS.items():
        u, v = tables[right]
        out[left] = np.stack([255 - u if mirrored else u, v])
    return dict(sorted(out.items()))


def samples_of(part: int, pairs: pd.DataFrame) -> np.ndarray:
    """Rows p, q, u, v of a part and its mirrored twin."""
    columns = ["p", "q", "u", "v"]
    agreed = pairs[pairs.part == pairs.rendered_part]
    own = agreed.loc[agreed.part == part, columns].to_numpy(float, copy=True)
    if part in TWINS:
        left, mirrored = TWINS[part]
        twin = agreed.loc[agreed.part == left, columns].to_numpy(float, copy=True)
        if mirrored:
            twin[:, 2] = 255 - twin[:, 2]
    else:
        twin = own * [1, -1, 1, -1] + [0, 1, 0, 255]
    return np.concatenate([own, twin])


def cell_medians(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Median rows (n, 4) of small cells of p and q, and their weights (n,)."""
    cell = np.minimum(samples[:, :2] * CELLS, CELLS - 1).astype(int) @ [CELLS, 1]
    grouped = pd.DataFrame(samples).groupby(cell)
    count = grouped.size().to_numpy()
    return grouped.median().to_numpy(), np.sqrt(np.minimum(count, FULL_CELL) / FULL_CELL) * (count >= LEAST_CELL)


def fit_table(part: int, samples: np.ndarray) -> np.ndarray:
    """Fitted tables (2, 5, 5) of a part from rows p, q, u, v."""
    start = start_table(part)
    medians, weight = cell_medians(samples)
    basis = np.eye(KNOTS * KNOTS).reshape(-1, KNOTS, KNOTS)
    design = bilinear(basis, medians[:, :2]).T * weight[:, None]
    bend, slope, still = np.diff(np.eye(KNOTS), 2, axis=0), np.diff(np.eye(KNOTS), axis=0), np.eye(KNOTS)
    curvature = CURVATURE * np.concatenate([np.kron(bend, still), np.kron(still, bend), np.kron(slope, slope)])
    size = np.full((KNOTS, KNOTS), SIZE)
    if part in WRAPPED:
        size[:, [0, -1]] = WRAP
    system = np.concatenate([design, curvature, np.diag(size.ravel())])
    fitted = []
    for channel in range(2):
        residual = (medians[:, 2 + channel] - bilinear(start[channel : channel + 1], medians[:, :2])[0]) * weight
        right = np.concatenate([residual, np.zeros(len(system) - len(residual))])
        correction = np.linalg.lstsq(system, right, rcond=None)[0].reshape(KNOTS, KNOTS)
        fitted.append(np.clip(start[channel] + correction, 0, 255))
    return np.rint(np.stack(fitted))


def fit_tables(pairs: pd.DataFrame) -> dict[int, np.ndarray]:
    """Tables of all parts."""
    return with_twins({part: fit_table(part, samples_of(part, pairs)) for part in START})


def source(tables: dict[int, np.ndarray]) -> str:
    """The text of `chart_tables.py`."""
    lines = [
        '"""U and V (0..255) of every part at 5 x 5 local coordinates; written by `fit_chart.py`.',
        "",
        "`TABLES[part]` is (U, V), each five rows of p = 0, 1/4, 1/2, 3/4, 1 with five columns of q = 0, 1/4, 1/2, 3/4, 1.",
        '"""',
        "",
        "# fmt: off",
        "TABLES = {",
    ]
    for part, table in tables.items():
        lines.append(f"    {part}: (")
        for channel in table:
            lines.append("        (" + ", ".join("(" + ",".join(f"{value:.0f}" for value in row) + ")" for row in channel) + "),")
        lines.append("    ),")
    return "\n".join([*lines, "}", ""])


def show(title: str, pairs: pd.DataFrame):
    """Print the mean errors over parts."""
    table = error_table(pairs)
    means = " ".join(f"{name} {table[name].mean():.1f}" for name in ("u_error", "v_error", "u_wasserstein", "v_wasserstein"))
    typer.echo(f"{title}: {means}, parts agree {(pairs.part == pairs.rendered_part).mean():.3f}")
    return table


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of clips in the official layout to fit on.")],
    every: Annotated[int, typer.Option(min=1, help="Take every k-th map.")] = 9,
    test: Annotated[Path | None, typer.Option(help="Folder of other clips to measure the fitted tables on.")] = None,
    out: Annotated[Path, typer.Option(help="The module to write.")] = Path(chart_tables.__file__),
):
    """Fit the chart's tables on real DensePose maps."""
    plain = chart_mesh()
    tables = with_twins({part: start_table(part) for part in START})
    for turn in range(ROUNDS + 1):
        mesh = replace(plain, uv=chart_values(plain.part, plain.local, tables))
        extremities = (3, 4, 5, 6) if turn == 0 else ()
        pairs = pixel_pairs(align_clips(folder, mesh, every, ignore=extremities), mesh)
        table = show("planes" if turn == 0 else f"round {turn}", pairs)
        if turn in (0, ROUNDS):
            typer.echo(table.round(1).to_string(index=False))
        if turn < ROUNDS:
            tables = fit_tables(pairs)
    if test:
        for name, values in (("planes", with_twins({part: start_table(part) for part in START})), ("fitted", tables)):
            mesh = replace(plain, uv=chart_values(plain.part, plain.local, values))
            show(f"{test}, {name}", pixel_pairs(align_clips(test, mesh, every), mesh))
    out.write_text(source(tables))


if __name__ == "__main__":
    typer.run(main)
