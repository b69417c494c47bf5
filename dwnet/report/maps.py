"""The page's section about the IUV maps: figures of the clips, worst first, and the clips in quarantine."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from densepose_cache.densepose.quality import FIGURES
from densepose_cache.errors import InputError
from densepose_cache.index import QUALITY_COLUMNS
from densepose_cache.quarantine import read_quarantine

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
}
"""Columns of the table: title, and format of a value."""


@dataclass(frozen=True)
class Maps:
    """What the section shows: totals over all clips, the rows of the table as text, and what is not in it."""

    clips: int
    frames: int
    backends: list[str]
    missing: int
    """Frames on which nobody was found."""
    several: int
    near_ties: int
    titles: list[str]
    rows: list[list[str]]
    more: int
    """Clips that the table leaves out."""
    table: str
    """Path of the table of all clips."""
    quarantined: list[dict[str, str]]
    """Clip, split, stage and reason of the clips in quarantine."""
    shown: int = SHOWN


def maps_section(quality: Path, quarantine: Path | None) -> Maps:
    """The section from the cache's iuv_quality.csv and quarantine.csv. Raises InputError if one of them is missing or something else."""
    table = read_quality(quality)
    worst = table.sort_values(["detection_rate", "part_flicker", "uv_flicker"], ascending=[True, False, False], kind="stable")[:SHOWN]
    return Maps(
        clips=len(table),
        frames=int(table["frames"].sum()),
        backends=sorted(set(table["backend"])),
        missing=int(((1 - table["detection_rate"]) * table["frames"]).round().sum()),
        several=int(table["frames_with_several"].sum()),
        near_ties=int(table["near_ties"].sum()),
        titles=[title for title, _ in COLUMNS.values()],
        rows=[[_cell(getattr(row, name), name) for name in COLUMNS] for row in worst.itertuples()],
        more=len(table) - len(worst),
        table=str(quality),
        quarantined=[] if quarantine is None else read_quarantine(quarantine).to_dict("records"),
    )


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
