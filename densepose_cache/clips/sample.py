"""Rows of the embedded data set."""

from pathlib import Path

import pandas as pd

from ..config import SampleSource
from ..core.errors import InputError
from .table import read_csv


def rows(source: SampleSource, data: Path) -> pd.DataFrame:
    """One row per clip of `{data}/manifest.csv`. Raises InputError if it or a file that it names is missing."""
    manifest = data / "manifest.csv"
    if not manifest.is_file():
        raise InputError(f"{manifest}: no such file; run `densepose-cache sample` to render the data set into {data}")
    table = read_csv(manifest, ("clip", "split", "video", "iuv"))
    for column in ("video", "iuv"):
        table[column] = [str(data / name) for name in table[column]]
        for path in table[column]:
            if not Path(path).is_file():
                raise InputError(f"{path}: named in {manifest} but missing; run `densepose-cache sample` again")
    return table[["clip", "split", "video", "iuv"]]
