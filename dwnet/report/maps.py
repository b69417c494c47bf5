"""What a result says of the IUV maps: figures by split, and for the page figures of the clips, worst first, and the clips in quarantine."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from densepose_cache.cache.quarantine import read_quarantine
from densepose_cache.core.errors import InputError
from densepose_cache.iuv.quality import FIGURES, REFERENCE
from densepose_cache.stages.index import QUALITY_COLUMNS

SHOWN = 20
"""Rows of the table of clips, and clips in quarantine that are listed."""
COLUMNS = {
    "clip": ("Clip", "{}"),
    "split": ("Split", "{}"),
    "frames": ("Frames", "{}"),
    "backend": ("Maps from", "{}"),
    "detection_rate": ("With a person", "{:.1%}"),
    "mean_score": ("Mean score", "{:.3f}"),
    "part_flicker": ("Part flicker", "{:.3%}"),
    "uv_flicker": ("U, V flicker", "{:.2f}"),
    "people_max": ("Most people", "{}"),
    "frames_with_several": ("Frames with several", "{}"),
    "near_ties": ("Near ties", "{}"),
    "body_share": ("Body", "{:.1%}"),
    "reference_silhouette_iou": ("Silhouette IoU", "{:.3f}"),
    "reference_part_accuracy": ("Right part", "{:.1%}"),
    "reference_part_miou": ("Part IoU", "{:.3f}"),
    "reference_u_error": ("U error", "{:.1f}"),
    "reference_v_error": ("V error", "{:.1f}"),
}
"""Columns of the table: title, and format of a value."""


@dataclass(frozen=True)
class MapsSection:
    """What the section shows: totals over all clips, the rows of the table as text, and what is not in it."""

    clips: int
    frames: int
    backends: list[str]
    missing: int
    """Frames on which nobody was found."""
    several: int
    near_ties: int
    compared: bool
    """Were maps of a network measured by maps that lie beside the videos?"""
    titles: list[str]
    rows: list[list[str]]
    more: int
    """Clips that the table leaves out."""
    table: str
    """Path of the table of all clips."""
    quarantined: list[dict[str, str]]
    """Clip, split, stage and reason of the clips in quarantine."""
    shown: int = SHOWN


def maps_section(quality: Path, quarantine: Path | None) -> MapsSection:
    """The section from the cache's iuv_quality.csv and quarantine.csv. Raises InputError if one of them is missing or something else."""
    table = read_quality(quality)
    columns = [name for name in COLUMNS if not name.startswith(REFERENCE) or table[name].notna().any()]
    worst = table.sort_values(["detection_rate", "part_flicker", "uv_flicker"], ascending=[True, False, False], kind="stable")[:SHOWN]
    return MapsSection(
        clips=len(table),
        frames=int(table["frames"].sum()),
        backends=sorted(set(table["backend"])),
        missing=int(((1 - table["detection_rate"]) * table["frames"]).round().sum()),
        several=int(table["frames_with_several"].sum()),
        near_ties=int(table["near_ties"].sum()),
        titles=[COLUMNS[name][0] for name in columns],
        rows=[[_cell(getattr(row, name), name) for name in columns] for row in worst.itertuples()],
        compared=columns[-1].startswith(REFERENCE),
        more=len(table) - len(worst),
        table=str(quality),
        quarantined=[] if quarantine is None else read_quarantine(quarantine).to_dict("records"),
    )


def maps_summary(quality: Path) -> dict[str, dict]:
    """By split, from the cache's iuv_quality.csv: clips, frames, the number of clips by backend, and the means over clips of the figures
    that are known. Raises InputError if the table is missing or something else."""
    found = {}
    for split, rows in read_quality(quality).groupby("split"):
        means = rows[list(FIGURES)].astype(float).mean().dropna()
        found[split] = {
            "clips": len(rows),
            "frames": int(rows["frames"].sum()),
            "backends": {name: int(count) for name, count in rows["backend"].value_counts().sort_index().items()},
            "figures": {name: float(value) for name, value in means.items()},
        }
    return found


def read_quality(path: Path) -> pd.DataFrame:
    """A table iuv_quality.csv, one row a clip; figures that are not known are NaN. Raises InputError if it is missing or something else."""
    try:
        empty = {name: [""] for name in FIGURES}
        table = pd.read_csv(path, dtype={"clip": str, "split": str, "backend": str}, keep_default_na=False, na_values=empty)
    except FileNotFoundError:
        raise InputError(f"{path}: no such table; run `densepose-cache index` to build it") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}); run `densepose-cache index` again") from None
    missing = [name for name in QUALITY_COLUMNS if name not in table.columns]
    if missing:
        raise InputError(f"{path}: the column {missing[0]} is missing; run `densepose-cache index` again")
    return table


def _cell(value, name: str) -> str:
    return "-" if pd.isna(value) else COLUMNS[name][1].format(value)
